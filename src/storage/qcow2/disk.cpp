#include "storage/qcow2/disk.hpp"

#include <iterator>

#include "storage/qcow2/chain/chain.hpp"
#include "storage/request/run_task.hpp"

namespace orrery::storage::qcow2 {

using Kind = port::BlockRequest::Kind;

Disk::Disk(EventLoop& loop, std::unique_ptr<ImageFile> file)
    : TaskDisk(loop, file->path()), image_(std::move(file)) {}

// What would resume the tasks goes first, then the tasks.
Disk::~Disk() {
  image_.stop();
  if (below_) below_->stop();
  drop_jobs();
}

Result<std::unique_ptr<Disk>> Disk::open(EventLoop& loop, std::unique_ptr<ImageFile> file,
                                         const DiskOptions& options) {
  return run_task(loop, open_on_loop(loop, std::move(file), options));
}

Task<Result<std::unique_ptr<Disk>>> Disk::open_on_loop(EventLoop& loop,
                                                       std::unique_ptr<ImageFile> file,
                                                       DiskOptions options) {
  std::unique_ptr<Disk> disk(new Disk(loop, std::move(file)));
  const Result<> opened = co_await disk->open_image(options);
  if (!opened) co_return fail(opened.error());
  const bool read_only = options.access == Access::kRead;
  port::BlockGeometry& geometry = disk->geometry_;
  geometry.size = Bytes(disk->image_.size());
  geometry.read_only = read_only;
  geometry.can_discard = geometry.can_write_zeroes = !read_only;
  geometry.zeroes_without_writing = !read_only && disk->image_.header().version >= 3;
  geometry.serial = options.serial;
  co_return std::move(disk);
}

Task<Result<>> Disk::open_image(DiskOptions options) {
  Result<> done = co_await image_.open(options.access);
  if (done && !options.snapshot.empty()) done = co_await image_.show_snapshot(options.snapshot);
  co_return done;
}

void Disk::set_backing(std::unique_ptr<port::Blocks> backing) {
  set_below(create_disk_below(std::move(backing)));
}

void Disk::set_below(std::unique_ptr<Below> below) {
  below_ = std::move(below);
  image_.set_below(below_.get());
}

void Disk::lay_over(Disk& disk) {
  disk.image_.set_below(nullptr);
  std::vector<Layer> layers;
  layers.push_back(disk.image_.take_layer());
  std::unique_ptr<Below> base = std::move(disk.below_);
  if (auto* const chain = dynamic_cast<Chain*>(base.get())) {
    Chain::Links links = chain->take_links();
    std::move(links.layers.begin(), links.layers.end(), std::back_inserter(layers));
    base = std::move(links.base);
  }
  set_below(std::make_unique<Chain>(std::move(layers), std::move(base)));
}

std::size_t Disk::links() const {
  const auto* const chain = dynamic_cast<const Chain*>(below_.get());
  return 1 + (chain == nullptr ? 0 : chain->links());
}

Task<Result<>> Disk::serve(const port::BlockRequest& request) {
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
  extent.allocated = mapping->kind != Mapping::Kind::kUnallocated;
  extent.zeroes = mapping->kind == Mapping::Kind::kZero || (!extent.allocated && below_ == nullptr);
  if (mapping->kind == Mapping::Kind::kData) extent.host_offset = mapping->host;
  if (extent.allocated || below_ == nullptr) co_return extent;
  const Result<BelowExtent> below = co_await below_->map(offset, mapping->length);
  if (!below) co_return fail(below.error());
  extent.length = below->length;
  extent.zeroes = below->zeroes;
  co_return extent;
}

Task<Result<>> Disk::change_size(Bytes size) {
  const Result<> done = co_await image_.resize(size.value());
  if (done) geometry_.size = size;
  co_return done;
}

}  // namespace orrery::storage::qcow2
