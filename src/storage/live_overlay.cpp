#include "storage/live_overlay.hpp"

#include <sys/stat.h>

#include "base/format.hpp"
#include "base/log.hpp"
#include "storage/chain_link.hpp"
#include "storage/disk_image.hpp"
#include "storage/io/disk_file.hpp"
#include "storage/io/open_file.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/request/submitted.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::storage {

Result<FileDescriptor> create_overlay_file(EventLoop& loop, const std::string& path,
                                           const std::string& backing, Bytes size) {
  CreateOptions create;
  create.path = path;
  create.size = size;
  create.backing = backing;
  create.backing_format = Format::kQcow2;
  create.backing_in_use = true;
  ORRERY_CHECK(create_disk(loop, create));
  auto file = open_disk_file({.path = path, .serial = {}});
  if (!file) return fail(file.error().context(path));
  return std::move(file->descriptor);
}

LiveOverlay::LiveOverlay(GatedDisk& gate, std::unique_ptr<qcow2::Disk> disk, FileNumber file)
    : gate_(gate), file_(file), disk_(std::move(disk)) {}

LiveOverlay::~LiveOverlay() = default;

Task<Result<std::unique_ptr<LiveOverlay>>> LiveOverlay::prepare(EventLoop& loop, GatedDisk& gate,
                                                                FileDescriptor file,
                                                                std::string path) {
  auto* const below = dynamic_cast<qcow2::Disk*>(&gate.disk());
  if (below == nullptr || below->geometry().read_only) {
    co_return fail(
        "only a qcow2 that is written can have a disk laid over it; start the VM with "
        "\"overlay=FILE.qcow2\" behind the disk");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) co_return fail_errno(path);
  DiskFile disk_file;
  disk_file.descriptor = std::move(file);
  disk_file.size = Bytes(static_cast<std::uint64_t>(status.st_size));
  // By the same queue, for a VM in its sandbox can make no other.
  auto image = image_file_of(std::move(disk_file), path, below->image().file().executor().queue());
  qcow2::DiskOptions options;
  options.access = qcow2::Access::kWrite;
  options.serial = below->geometry().serial;
  auto opened = co_await qcow2::Disk::open_on_loop(loop, std::move(image), std::move(options));
  if (!opened) co_return fail(opened.error());
  if (below->links() >= kMostLinks) {
    co_return fail(
        format("it has {} disks below already; make them fewer with `orrery snapshot merge`",
               below->links() - 1));
  }
  const Bytes size = (*opened)->geometry().size;
  if (size != below->geometry().size) {
    co_return fail(format("{}: has {} bytes, and the disk that it shall lie over has {}", path,
                          size.value(), below->geometry().size.value()));
  }
  co_return std::unique_ptr<LiveOverlay>(
      new LiveOverlay(gate, std::move(*opened), {.device = status.st_dev, .inode = status.st_ino}));
}

qcow2::Disk& LiveOverlay::below() const {
  return dynamic_cast<qcow2::Disk&>(gate_.disk());
}

Task<Result<DiskIdentity>> LiveOverlay::freeze() {
  qcow2::Image& image = below().image();
  port::BlockRequest flush;
  flush.kind = port::BlockRequest::Kind::kFlush;
  Result<> done = co_await Submitted(below(), std::move(flush));
  if (!done) co_return fail(done.error());
  const Result<DiskIdentity> identity = identity_of(below(), image.path());
  if (!identity) co_return identity;
  done = co_await disk_->image().record_parent(*identity);
  if (!done) co_return fail(done.error());
  image.keep_identity();
  co_return identity;
}

bool LiveOverlay::has_name(const std::string& path) const {
  struct stat named {};
  return ::stat(path.c_str(), &named) == 0 && named.st_dev == file_.device &&
         named.st_ino == file_.inode;
}

void LiveOverlay::lay() {
  // It has the stronger lock already, so nobody can be in the way.
  const Result<> shared = below().image().file().executor().lock(FileLock::kManyReaders);
  if (!shared) log::warning("{}: {}", below().image().path(), shared.error().message());
  qcow2::Disk& laid = *disk_;
  const std::unique_ptr<port::Blocks> old = gate_.replace(std::move(disk_));
  laid.lay_over(dynamic_cast<qcow2::Disk&>(*old));
}

}  // namespace orrery::storage
