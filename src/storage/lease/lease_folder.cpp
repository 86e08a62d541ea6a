#include "storage/lease/lease_folder.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "storage/lease/lease_record.hpp"

namespace orrery::storage {
namespace {

std::optional<std::uint64_t> parse_token(std::string_view name) {
  std::uint64_t token = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), token);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) return std::nullopt;
  if (token == 0 || name.starts_with('0')) return std::nullopt;
  return token;
}

Result<> write_durably(int file, ByteSpan bytes) {
  const ssize_t done = ::pwrite(file, bytes.data(), bytes.size(), 0);
  if (done != static_cast<ssize_t>(bytes.size())) return fail_errno("cannot be written");
  if (::fdatasync(file) != 0) return fail_errno("cannot be written");
  return {};
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

class HostLeaseFolder final : public LeaseFolder {
 public:
  HostLeaseFolder(std::string path, FileDescriptor folder)
      : path_(std::move(path)), folder_(std::move(folder)) {}

  // Opened anew each time, which is when a network's file system looks what others have done.
  Result<std::vector<std::uint64_t>> tokens() override {
    const std::unique_ptr<DIR, CloseFolder> entries(::opendir(path_.c_str()));
    if (!entries) return fail_errno(path_);
    std::vector<std::uint64_t> found;
    errno = 0;
    while (const dirent* const entry = ::readdir(entries.get())) {
      if (const auto token = parse_token(entry->d_name)) found.push_back(*token);
    }
    if (errno != 0) return fail_errno(path_);
    return found;
  }

  Result<std::optional<std::vector<std::byte>>> read(std::uint64_t token) override {
    const FileDescriptor file(
        ::openat(folder_.get(), std::to_string(token).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) return std::nullopt;
    if (!file) return fail_errno(format("{}/{}", path_, token));
    // One byte more than there may be shows a file that is too long.
    std::vector<std::byte> bytes(LeaseRecord::kBytes + 1);
    const ssize_t count = ::pread(file.get(), bytes.data(), bytes.size(), 0);
    if (count < 0) return fail_errno(format("{}/{}", path_, token));
    bytes.resize(static_cast<std::size_t>(count));
    return bytes;
  }

  // A link is made by one only, also over networks; the file is whole before it has its name.
  Result<bool> create(std::uint64_t token, ByteSpan bytes) override {
    std::uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) return fail_errno("getrandom");
    const std::string partial = format("partial-{:016x}", random);
    FileDescriptor file(
        ::openat(folder_.get(), partial.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file) return fail_errno(path_);
    Result<> done = write_durably(file.get(), bytes);
    bool linked = false;
    if (done) {
      linked = ::linkat(folder_.get(), partial.c_str(), folder_.get(),
                        std::to_string(token).c_str(), 0) == 0;
      if (!linked && errno != EEXIST) done = fail_errno("cannot be made");
    }
    ::unlinkat(folder_.get(), partial.c_str(), 0);
    if (linked && ::fsync(folder_.get()) != 0) done = fail_errno("cannot be written");
    if (!done) return fail(done.error().context(format("{}/{}", path_, token)));
    if (linked) own_ = std::move(file);
    return linked;
  }

  Result<> write(ByteSpan bytes) override {
    const Result<> done = write_durably(own_.get(), bytes);
    return done ? done : fail(done.error().context(path_));
  }

  Result<bool> exists(std::uint64_t token) override {
    struct stat status {};
    if (::fstatat(folder_.get(), std::to_string(token).c_str(), &status, 0) == 0) return true;
    if (errno == ENOENT) return false;
    return fail_errno(path_);
  }

  void remove(std::uint64_t token) override {
    ::unlinkat(folder_.get(), std::to_string(token).c_str(), 0);
  }

 private:
  const std::string path_;
  const FileDescriptor folder_;
  FileDescriptor own_;
};

}  // namespace

std::string lease_folder_path(const std::string& disk) {
  // Where a link points to, so that all names of a disk have one.
  std::array<char, 4096> real{};
  return (::realpath(disk.c_str(), real.data()) == nullptr ? disk : real.data()) +
         std::string(".lease");
}

Result<std::unique_ptr<LeaseFolder>> open_lease_folder(const std::string& disk) {
  std::string path = lease_folder_path(disk);
  FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder && errno == ENOENT) return nullptr;
  if (!folder) return fail_errno(path);
  return std::make_unique<HostLeaseFolder>(std::move(path), std::move(folder));
}

}  // namespace orrery::storage
