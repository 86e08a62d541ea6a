#include "storage/vhdx/disk.hpp"

#include "base/format.hpp"
#include "storage/request/run_task.hpp"

namespace orrery::storage::vhdx {

using Kind = port::BlockRequest::Kind;

Disk::Disk(EventLoop& loop, std::unique_ptr<ImageFile> file)
    : TaskDisk(loop, file->path()), image_(std::move(file)) {}

// What would resume the tasks goes first, then the tasks.
Disk::~Disk() {
  image_.stop();
  parent_.reset();
  image_.set_parent(nullptr);
  drop_jobs();
}

Result<std::unique_ptr<Disk>> Disk::open(EventLoop& loop, std::unique_ptr<ImageFile> file,
                                         const DiskOptions& options) {
  std::unique_ptr<Disk> disk(new Disk(loop, std::move(file)));
  ORRERY_CHECK(run_task(loop, disk->image_.open(options.access)));
  const bool read_only = options.access == Access::kRead;
  const Metadata& metadata = disk->image_.metadata();
  port::BlockGeometry& geometry = disk->geometry_;
  geometry.size = Bytes(metadata.disk_size);
  geometry.logical_block_size = metadata.logical_sector;
  geometry.physical_block_size = std::max(metadata.physical_sector, metadata.logical_sector);
  geometry.read_only = read_only;
  geometry.can_discard = geometry.can_write_zeroes = !read_only;
  geometry.serial = options.serial;
  return disk;
}

void Disk::set_parent(std::unique_ptr<port::Blocks> parent) {
  parent_ = std::move(parent);
  image_.set_parent(parent_.get());
}

Task<Result<>> Disk::serve(const port::BlockRequest& request) {
  // Presence is kept by the sector, which is larger than what every disk asks for.
  const std::uint32_t sector = geometry_.logical_block_size;
  if (request.kind != Kind::kRead && (request.offset | request.length) % sector != 0) {
    co_return fail(format("{}: {} bytes at {} are not whole sectors of {} bytes", image_.path(),
                          request.length, request.offset, sector));
  }
  BufferCursor buffers(request.buffers);
  const auto unmap = request.may_unmap ? Image::Unmap::kMay : Image::Unmap::kNever;
  switch (request.kind) {
    case Kind::kRead: co_return co_await image_.read(request.offset, request.length, buffers);
    case Kind::kWrite: co_return co_await image_.write(request.offset, request.length, buffers);
    case Kind::kFlush: co_return co_await image_.flush();
    case Kind::kDiscard: co_return co_await image_.discard(request.offset, request.length);
    case Kind::kWriteZeroes:
      co_return co_await image_.write_zeroes(request.offset, request.length, unmap);
  }
  co_return Result<>{};
}

Task<Result<port::BlockExtent>> Disk::find_extent(std::uint64_t offset, std::uint64_t length) {
  const Result<Mapping> mapping = co_await image_.map(offset, length);
  if (!mapping) co_return fail(mapping.error());
  port::BlockExtent extent;
  extent.length = mapping->length;
  extent.allocated = mapping->kind != Mapping::Kind::kBelow;
  extent.zeroes =
      mapping->kind == Mapping::Kind::kZero || (!extent.allocated && !image_.metadata().parent);
  if (mapping->kind == Mapping::Kind::kData) extent.host_offset = mapping->host;
  co_return extent;
}

Task<Result<>> Disk::change_size(Bytes size) {
  const Result<> done = co_await image_.resize(size.value());
  if (done) geometry_.size = size;
  co_return done;
}

}  // namespace orrery::storage::vhdx
