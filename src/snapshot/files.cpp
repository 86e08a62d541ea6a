#include "snapshot/files.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/format.hpp"

namespace orrery::snapshot {

Result<FileDescriptor> create_file(const std::string& path) {
  FileDescriptor file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return fail_errno(path + ": cannot be made");
  return file;
}

Result<std::vector<std::byte>> read_file(const std::string& path, std::uint64_t most) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(path + ": cannot open");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(path);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || size > most) {
    return fail(format("{}: damaged: it is no file of at most {} bytes", path, most));
  }
  std::vector<std::byte> bytes(size);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail_errno(path + ": cannot be read");
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

Result<> write_file(const std::string& path, ByteSpan bytes) {
  ORRERY_TRY(const FileDescriptor file, create_file(path));
  ORRERY_CHECK(write_all(file.get(), bytes, 0, path));
  return sync_file(file.get(), path);
}

Result<> write_all(int file, ByteSpan bytes, std::uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail_errno(path + ": cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<> copy_sparse(int from, int to, const std::string& path) {
  const off_t size = ::lseek(from, 0, SEEK_END);
  if (size < 0 || ::ftruncate(to, size) != 0) return fail_errno(path + ": cannot be written");
  for (off_t at = ::lseek(from, 0, SEEK_DATA); at >= 0 && at < size;
       at = ::lseek(from, at, SEEK_DATA)) {
    const off_t end = ::lseek(from, at, SEEK_HOLE);
    for (off_t out = at; at < end;) {
      const ssize_t count =
          ::copy_file_range(from, &at, to, &out, static_cast<std::size_t>(end - at), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return fail_errno(path + ": cannot be copied");
    }
  }
  return {};
}

Result<> sync_file(int file, const std::string& path) {
  if (::fsync(file) != 0) return fail_errno(path + ": cannot be made durable");
  return {};
}

Result<> sync_folder(const std::string& path) {
  const FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail_errno(path + ": cannot open");
  return sync_file(folder.get(), path);
}

Result<> make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(Error::from_errno(path + ": cannot be made", error.value()));
  return {};
}

void remove_folder(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace orrery::snapshot
