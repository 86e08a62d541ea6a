#include "storage/io/disk_file.hpp"

#include <array>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::storage {
namespace {

Error cannot_open(int code, const RawDiskOptions& options) {
  const bool denied = code == EACCES || code == EPERM || code == EROFS;
  const char* const remedy = code == ENOENT   ? "; check the path"
                             : code == EMFILE ? "; allow more of them with `ulimit -n`"
                             : denied && !options.read_only
                                 ? "; make it writable for you, or add \",readonly\""
                                 : "";
  const Error error = Error::from_errno("cannot open", code);
  return Error(error.message() + remedy);
}

Result<> measure_device(DiskFile& file) {
  std::uint64_t size = 0;
  int logical = 0;
  unsigned physical = 0;
  const int descriptor = file.descriptor.get();
  if (::ioctl(descriptor, BLKGETSIZE64, &size) != 0 ||
      ::ioctl(descriptor, BLKSSZGET, &logical) != 0 ||
      ::ioctl(descriptor, BLKPBSZGET, &physical) != 0) {
    return fail_errno("cannot measure the block device");
  }
  file.size = Bytes(size);
  file.logical_block_size = static_cast<std::uint32_t>(logical);
  file.physical_block_size = physical;
  return {};
}

// Asked behind the end, where nothing is. That counts as a change of the file, whose time tells
// whether a raw disk was written (disk_identity.hpp): so the file, which nobody else writes, gets
// its time back.
bool can_punch(int descriptor) {
  struct stat before {};
  if (::fstat(descriptor, &before) != 0) return false;
  constexpr int kHole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (::fallocate(descriptor, kHole, before.st_size, kPageSize) != 0) return false;
  const std::array<timespec, 2> times{timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, before.st_mtim};
  if (::futimens(descriptor, times.data()) != 0) {
    log::info("the file's time cannot be set back: {}", Error::from_errno("futimens").message());
  }
  return true;
}

}  // namespace

Result<> lock_file(int descriptor, FileLock kind) {
  struct flock whole_file {};
  whole_file.l_type = kind == FileLock::kManyReaders ? F_RDLCK : F_WRLCK;
  whole_file.l_whence = SEEK_SET;
  if (::fcntl(descriptor, F_OFD_SETLK, &whole_file) == 0) return {};
  if (errno != EAGAIN && errno != EACCES) return fail_errno("cannot lock");
  return fail(kind == FileLock::kManyReaders
                  ? "in use: another VM writes to it; stop that VM first"
                  : "in use: another VM has it open; stop that VM, or open it \",readonly\" in "
                    "all of them");
}

Result<DiskFile> open_disk_file(const RawDiskOptions& options) {
  int flags = (options.read_only ? O_RDONLY : O_RDWR) | (options.direct ? O_DIRECT : 0);
  ORRERY_TRY(const bool leased, has_leases(options.path));
  // What the host still had in memory when a lease ends would be written later.
  if (leased && is_on_network(options.path)) flags |= O_DSYNC;
  DiskFile file;
  file.descriptor = FileDescriptor(::open(options.path.c_str(), flags | O_CLOEXEC));
  if (!file.descriptor) return fail(cannot_open(errno, options));
  ORRERY_CHECK(lock_file(file.descriptor.get(),
                         options.read_only ? FileLock::kManyReaders : FileLock::kOneWriter));
  if (leased && options.read_only) ORRERY_CHECK(check_not_written_elsewhere(options.path));
  if (leased && !options.read_only) {
    ORRERY_TRY(file.lease, LeaseKeeper::take(options.path));
  }
  struct stat status {};
  if (::fstat(file.descriptor.get(), &status) != 0) return fail_errno("cannot examine");
  if (S_ISBLK(status.st_mode)) {
    ORRERY_CHECK(measure_device(file));
  } else if (S_ISREG(status.st_mode)) {
    file.size = Bytes(static_cast<std::uint64_t>(status.st_size));
  } else {
    return fail("neither a regular file nor a block device");
  }
  if (file.size.value() == 0) {
    return fail(
        "empty; make an image first, such as with `orrery disk create FILE 8G` or `truncate -s 8G "
        "FILE`");
  }
  const bool written = S_ISREG(status.st_mode) && !options.read_only;
  file.can_punch = written && can_punch(file.descriptor.get());
  return file;
}

}  // namespace orrery::storage
