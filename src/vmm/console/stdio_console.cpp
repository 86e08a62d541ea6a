#include "vmm/console/stdio_console.hpp"

#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "vmm/console/terminal.hpp"

namespace orrery::vmm {
namespace {

// A terminal is opened anew, because O_NONBLOCK on the descriptor that we were given would also be
// the shell's.
FileDescriptor open_output() {
  if (::isatty(STDOUT_FILENO) != 0) {
    FileDescriptor own(::open("/proc/self/fd/1", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (own) return own;
  }
  return FileDescriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
}

}  // namespace

Result<std::unique_ptr<StdioConsole>> StdioConsole::create(EventLoop& loop,
                                                           std::function<void()> quit) {
  std::unique_ptr<StdioConsole> console(new StdioConsole(loop, std::move(quit)));
  console->output_ = open_output();
  if (!console->output_) return fail_errno("stdio: cannot use standard output");
  console->at_terminal_ = terminal::usable(STDIN_FILENO);
  const bool readable = console->at_terminal_ || ::isatty(STDIN_FILENO) == 0;
  const int input = readable && ::fcntl(STDIN_FILENO, F_GETFD) >= 0 ? STDIN_FILENO : -1;
  ORRERY_CHECK(console->attach(input, console->output_.get()));
  if (console->at_terminal_) terminal::make_raw(STDIN_FILENO);
  return console;
}

StdioConsole::~StdioConsole() {
  detach();
  terminal::restore();
}

void StdioConsole::drain() {
  // From here on Ctrl-C ends the process as usual, should the output never be taken.
  terminal::restore();
  DescriptorConsole::drain();
}

void StdioConsole::filter_input(std::vector<std::byte>& bytes) {
  if (!at_terminal_) return;
  for (const EscapeCommand command : keys_.filter(bytes)) {
    switch (command) {
      case EscapeCommand::kQuit: quit_(); break;
      case EscapeCommand::kHelp:
        (void)write(as_bytes(kEscapeHelp, std::strlen(kEscapeHelp)));
        break;
    }
  }
}

}  // namespace orrery::vmm
