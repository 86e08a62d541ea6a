#include "cli/secret_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/files/mapped_file.hpp"

namespace orrery::cli {

Result<> write_secret(const std::string& path, const std::string& text) {
  constexpr mode_t kOwnerOnly = 0600;
  const FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
  if (!file) return fail_errno(path + ": cannot be made");
  const ssize_t count = ::write(file.get(), text.data(), text.size());
  if (count == static_cast<ssize_t>(text.size()) && ::fsync(file.get()) == 0) return {};
  const Error error = Error::from_errno(path + ": cannot be written");
  ::unlink(path.c_str());
  return fail(error);
}

Result<std::string> read_secret(const std::string& path) {
  ORRERY_TRY(const auto file, MappedFile::open(path));
  const ByteSpan bytes = file->bytes();
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace orrery::cli
