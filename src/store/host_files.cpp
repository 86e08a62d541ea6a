#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "store/files.hpp"

namespace orrery::store {
namespace {

class HostFile final : public StoredFile {
 public:
  HostFile(FileDescriptor file, std::string path, std::uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}

  std::uint64_t size() const override { return size_; }

  Result<> read(std::uint64_t offset, MutableByteSpan to) const override {
    while (!to.empty()) {
      const ssize_t got = ::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail_errno(path_ + ": cannot be read");
      if (got == 0) return fail(format("{}: ends before byte {}", path_, offset + to.size()));
      offset += static_cast<std::uint64_t>(got);
      to = to.subspan(static_cast<std::size_t>(got));
    }
    return {};
  }

 private:
  const FileDescriptor file_;
  const std::string path_;
  const std::uint64_t size_;
};

class HostNewFile final : public NewFile {
 public:
  HostNewFile(FileDescriptor file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}

  Result<> append(ByteSpan bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return fail_errno(path_ + ": cannot be written");
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
  }
  Result<> sync() override {
    if (::fdatasync(file_.get()) != 0) return fail_errno(path_ + ": cannot be synced");
    return {};
  }

 private:
  const FileDescriptor file_;
  const std::string path_;
};

class HostLock final : public FileLock {
 public:
  explicit HostLock(FileDescriptor file) : file_(std::move(file)) {}
  bool linked() const override {
    struct stat status {};
    return ::fstat(file_.get(), &status) == 0 && status.st_nlink != 0;
  }

 private:
  const FileDescriptor file_;
};

class HostFiles final : public Files {
 public:
  explicit HostFiles(std::string path) : path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

  Result<std::vector<std::string>> list(const std::string& folder) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator each(whole(folder), error);
    for (; !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
      names.push_back(each->path().filename().string());
    }
    if (error) return fail_errno(whole(folder) + ": cannot be listed", error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<std::unique_ptr<StoredFile>> open(const std::string& name) override {
    FileDescriptor file(::open(whole(name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) return nullptr;
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) {
      return fail_errno(whole(name) + ": cannot be opened");
    }
    return std::make_unique<HostFile>(std::move(file), whole(name),
                                      static_cast<std::uint64_t>(status.st_size));
  }

  Result<std::unique_ptr<NewFile>> create(const std::string& name) override {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    FileDescriptor file(::open(whole(name).c_str(), kFlags, 0666));
    if (!file) return fail_errno(whole(name) + ": cannot be made");
    return std::make_unique<HostNewFile>(std::move(file), whole(name));
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    if (::rename(whole(from).c_str(), whole(to).c_str()) == 0) return {};
    return fail_errno(format("{}: cannot become {}", whole(from), to));
  }

  Result<> remove(const std::string& name) override {
    if (::unlink(whole(name).c_str()) == 0 || errno == ENOENT) return {};
    return fail_errno(whole(name) + ": cannot be removed");
  }

  Result<> make_folder(const std::string& name) override {
    if (::mkdir(whole(name).c_str(), 0777) == 0 || errno == EEXIST) return {};
    return fail_errno(whole(name) + ": cannot be made");
  }

  Result<> sync_folder(const std::string& name) override {
    const FileDescriptor folder(::open(whole(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0)
      return fail_errno(whole(name) + ": cannot be synced");
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& name, Lock kind, Wait wait) override {
    const int access = kind == Lock::kShared ? O_RDONLY : O_RDWR;
    FileDescriptor file(::open(whole(name).c_str(), access | O_CLOEXEC));
    if (!file && errno == ENOENT) return nullptr;
    if (!file) return fail_errno(whole(name) + ": cannot be locked");
    // Open file description locks: fcntl(2).
    struct flock range {};
    range.l_type = kind == Lock::kShared ? F_RDLCK : F_WRLCK;
    range.l_whence = SEEK_SET;
    const int command = wait == Wait::kYes ? F_OFD_SETLKW : F_OFD_SETLK;
    while (::fcntl(file.get(), command, &range) != 0) {
      if (errno == EAGAIN || errno == EACCES) return nullptr;
      if (errno != EINTR) return fail_errno(whole(name) + ": cannot be locked");
    }
    return std::make_unique<HostLock>(std::move(file));
  }

 private:
  std::string whole(const std::string& name) const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

  const std::string path_;
};

}  // namespace

Result<std::vector<std::byte>> read_whole(const StoredFile& file, std::uint64_t most) {
  if (file.size() > most) return fail(format("has {} bytes, which is too much", file.size()));
  std::vector<std::byte> bytes(file.size());
  ORRERY_CHECK(file.read(0, bytes));
  return bytes;
}

std::unique_ptr<Files> host_files(const std::string& path) {
  return std::make_unique<HostFiles>(path);
}

}  // namespace orrery::store
