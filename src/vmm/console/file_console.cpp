#include "vmm/console/file_console.hpp"

#include <fcntl.h>

namespace orrery::vmm {

Result<std::unique_ptr<FileConsole>> FileConsole::create(EventLoop& loop, const std::string& path) {
  std::unique_ptr<FileConsole> console(new FileConsole(loop));
  constexpr mode_t kMode = 0644;
  console->file_ =
      FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode));
  if (!console->file_) return fail_errno("file=" + path + ": cannot open for writing");
  ORRERY_CHECK(console->attach(-1, console->file_.get()));
  return console;
}

}  // namespace orrery::vmm
