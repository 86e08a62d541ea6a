#include "storage/request/read_disk.hpp"

#include "base/format.hpp"
#include "storage/request/read_below.hpp"
#include "storage/request/run_task.hpp"

namespace orrery::storage {

Task<Result<>> ReadImage::read_packed(Stretch /*stretch*/, std::uint64_t /*offset*/,
                                      BufferCursor& /*to*/) {
  co_return fail(damaged("packed data in a format that has none"));
}

void ReadImage::stop() {
  file_->stop();
  tables_.abandon();
}

Error ReadImage::damaged(std::string what) const {
  return Error(format("{}: damaged: {}", path(), what));
}

Task<Result<std::uint32_t>> ReadImage::load_le32(std::uint64_t at) {
  Page* page = tables_.find(at);
  if (page == nullptr) {
    const Result<Page*> loaded = co_await tables_.get(at, PageKind::kMapping);
    if (!loaded) co_return fail(loaded.error());
    page = *loaded;
  }
  co_return load_le<std::uint32_t>(&page->data[at - page->offset]);
}

Task<Result<std::uint32_t>> ReadImage::load_be32(std::uint64_t at) {
  const Result<std::uint32_t> value = co_await load_le32(at);
  if (!value) co_return value;
  co_return std::byteswap(*value);
}

ReadDisk::ReadDisk(EventLoop& loop, std::unique_ptr<ReadImage> image)
    : TaskDisk(loop, image->path()), image_(std::move(image)) {}

// What would resume the tasks goes first, then the tasks.
ReadDisk::~ReadDisk() {
  image_->stop();
  below_.reset();
  image_->set_below(nullptr);
  drop_jobs();
}

Result<std::unique_ptr<ReadDisk>> ReadDisk::open(EventLoop& loop, std::unique_ptr<ReadImage> image,
                                                 const std::string& serial) {
  std::unique_ptr<ReadDisk> disk(new ReadDisk(loop, std::move(image)));
  ORRERY_CHECK(run_task(loop, disk->image_->open()));
  disk->geometry_.size = Bytes(disk->image_->size());
  disk->geometry_.read_only = true;
  disk->geometry_.serial = serial;
  return disk;
}

void ReadDisk::set_below(std::unique_ptr<port::Blocks> below) {
  below_ = std::move(below);
  image_->set_below(below_.get());
}

Task<Result<>> ReadDisk::serve(const port::BlockRequest& request) {
  if (request.kind != port::BlockRequest::Kind::kRead) co_return Result<>{};  // a flush
  BufferCursor to(request.buffers);
  std::uint64_t offset = request.offset;
  for (std::uint64_t length = request.length; length != 0;) {
    const Result<Stretch> stretch = co_await image_->map(offset, length);
    if (!stretch) co_return fail(stretch.error());
    const std::uint64_t part = stretch->length;
    Result<> done;
    switch (stretch->kind) {
      case Stretch::Kind::kData:
        done = co_await image_->read_data(stretch->host, to.take(part));
        break;
      case Stretch::Kind::kZero: to.fill_zeroes(part); break;
      case Stretch::Kind::kBelow:
        done = co_await read_below(image_->below(), offset, part, to);
        break;
      case Stretch::Kind::kPacked: done = co_await image_->read_packed(*stretch, offset, to); break;
    }
    if (!done) co_return done;
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

Task<Result<port::BlockExtent>> ReadDisk::find_extent(std::uint64_t offset, std::uint64_t length) {
  const Result<Stretch> stretch = co_await image_->map(offset, length);
  if (!stretch) co_return fail(stretch.error());
  port::BlockExtent extent;
  extent.length = stretch->length;
  extent.allocated = stretch->kind != Stretch::Kind::kBelow;
  extent.zeroes =
      stretch->kind == Stretch::Kind::kZero || (!extent.allocated && image_->below() == nullptr);
  if (stretch->kind == Stretch::Kind::kData) extent.host_offset = stretch->host;
  co_return extent;
}

Task<Result<>> ReadDisk::change_size(Bytes /*size*/) {
  co_return fail(image_->path() + ": read-only");
}

}  // namespace orrery::storage
