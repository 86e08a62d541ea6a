#include "storage/scratch_disk.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fcntl.h>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "base/zeroed_array.hpp"
#include "storage/io/buffer_cursor.hpp"
#include "storage/io/open_file.hpp"
#include "storage/request/read_below.hpp"
#include "storage/request/submitted.hpp"
#include "storage/request/task_disk.hpp"

namespace orrery::storage {
namespace {

class ScratchDisk final : public TaskDisk {
 public:
  ScratchDisk(EventLoop& loop, std::shared_ptr<port::Blocks> below, std::unique_ptr<ImageFile> file)
      : TaskDisk(loop, file->path()), below_(std::move(below)), file_(std::move(file)) {
    geometry_ = below_->geometry();
    geometry_.read_only = false;
    geometry_.can_discard = geometry_.can_write_zeroes = true;
    written_ = ZeroedArray<std::uint64_t>(page_of(geometry_.size.value()) / 64 + 1);
  }
  ~ScratchDisk() override {
    file_->stop();
    drop_jobs();
  }

 private:
  static std::uint64_t page_of(std::uint64_t offset) { return offset / kPageSize; }

  // A stretch from an offset on whose pages have all been written, or none of them.
  struct Stretch {
    std::uint64_t length;
    bool written;
  };

  bool is_written(std::uint64_t page) const { return (written_[page / 64] >> page % 64 & 1) != 0; }
  Stretch stretch_at(std::uint64_t offset, std::uint64_t length) const;
  void note_written(std::uint64_t offset, std::uint64_t length);

  Task<Result<>> serve(const port::BlockRequest& request) override;
  Task<Result<port::BlockExtent>> find_extent(std::uint64_t offset, std::uint64_t length) override;
  Task<Result<>> change_size(Bytes size) override;
  Task<Result<>> read(const port::BlockRequest& request);
  Task<Result<>> change(const port::BlockRequest& request);
  Task<Result<>> change_pages(const port::BlockRequest& request);
  Task<Result<>> bring_edges(std::uint64_t offset, std::uint64_t length);
  Task<Result<>> bring(std::uint64_t page);

  std::shared_ptr<port::Blocks> below_;
  std::unique_ptr<ImageFile> file_;
  ZeroedArray<std::uint64_t> written_;  // a bit for each page
  // Of pages that have not been written: two of the same page must not both take the rest of it
  // from below.
  TaskMutex first_writes_;
};

ScratchDisk::Stretch ScratchDisk::stretch_at(std::uint64_t offset, std::uint64_t length) const {
  const bool written = is_written(page_of(offset));
  std::uint64_t end = align_down(offset, kPageSize) + kPageSize;
  while (end < offset + length && is_written(page_of(end)) == written) end += kPageSize;
  return {std::min(end - offset, length), written};
}

void ScratchDisk::note_written(std::uint64_t offset, std::uint64_t length) {
  for (std::uint64_t page = page_of(offset); page <= page_of(offset + length - 1); ++page) {
    written_[page / 64] |= std::uint64_t{1} << page % 64;
  }
}

Task<Result<>> ScratchDisk::serve(const port::BlockRequest& request) {
  using Kind = port::BlockRequest::Kind;
  if (request.kind == Kind::kFlush || request.length == 0) co_return Result<>{};
  if (request.kind == Kind::kRead) co_return co_await read(request);
  co_return co_await change(request);
}

Task<Result<>> ScratchDisk::read(const port::BlockRequest& request) {
  BufferCursor to(request.buffers);
  std::uint64_t offset = request.offset;
  for (std::uint64_t length = request.length; length != 0;) {
    const Stretch stretch = stretch_at(offset, length);
    const Result<> done = stretch.written
                              ? co_await file_->read(offset, to.take(stretch.length))
                              : co_await read_below(below_.get(), offset, stretch.length, to);
    if (!done) co_return done;
    offset += stretch.length;
    length -= stretch.length;
  }
  co_return Result<>{};
}

Task<Result<>> ScratchDisk::change(const port::BlockRequest& request) {
  const Stretch first = stretch_at(request.offset, request.length);
  if (first.written && first.length == request.length) co_return co_await change_pages(request);
  const TaskMutex::Lock lock = co_await first_writes_.lock();
  if (const Result<> done = co_await bring_edges(request.offset, request.length); !done) {
    co_return done;
  }
  if (const Result<> done = co_await change_pages(request); !done) co_return done;
  note_written(request.offset, request.length);
  co_return Result<>{};
}

Task<Result<>> ScratchDisk::change_pages(const port::BlockRequest& request) {
  if (request.kind != port::BlockRequest::Kind::kWrite) {
    const Result<bool> punched = co_await file_->punch(request.offset, request.length);
    if (!punched) co_return fail(punched.error());
    if (*punched) co_return Result<>{};
    co_return co_await file_->write_zeroes(request.offset, request.length);
  }
  BufferCursor from(request.buffers);
  co_return co_await file_->write(request.offset, from.take(request.length));
}

// What a change of this stretch leaves as it is of its first and its last page.
Task<Result<>> ScratchDisk::bring_edges(std::uint64_t offset, std::uint64_t length) {
  for (const std::uint64_t edge : {offset, offset + length}) {
    if (edge % kPageSize == 0 || is_written(page_of(edge))) continue;
    if (const Result<> done = co_await bring(page_of(edge)); !done) co_return done;
  }
  co_return Result<>{};
}

Task<Result<>> ScratchDisk::bring(std::uint64_t page) {
  std::array<std::byte, kPageSize> content{};
  const std::uint64_t offset = page * kPageSize;
  const std::uint64_t size = std::min<std::uint64_t>(kPageSize, geometry_.size.value() - offset);
  const std::vector<MutableByteSpan> buffers = {MutableByteSpan(content).first(size)};
  BufferCursor to(buffers);
  if (const Result<> read = co_await read_below(below_.get(), offset, size, to); !read) {
    co_return read;
  }
  if (const Result<> done = co_await file_->write(offset, vectors_of(buffers.front())); !done) {
    co_return done;
  }
  note_written(offset, size);
  co_return Result<>{};
}

Task<Result<port::BlockExtent>> ScratchDisk::find_extent(std::uint64_t offset,
                                                         std::uint64_t length) {
  const Stretch stretch = stretch_at(offset, length);
  if (stretch.written) {
    co_return port::BlockExtent{
        .length = stretch.length, .allocated = true, .host_offset = std::nullopt};
  }
  Result<port::BlockExtent> extent = co_await Mapped(*below_, offset, stretch.length);
  if (extent) {
    extent->allocated = false;
    extent->host_offset.reset();
  }
  co_return extent;
}

Task<Result<>> ScratchDisk::change_size(Bytes /*size*/) {
  co_return fail(file_->path() + ": a disk that is gone when it is closed keeps its size");
}

Result<FileDescriptor> open_nameless(const std::string& folder) {
  FileDescriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  return fail(Error::from_errno("cannot make a file without a name there", errno)
                  .context(folder + ": for what is written to a disk"));
}

}  // namespace

Result<> check_scratch_folder(const std::string& folder) {
  ORRERY_CHECK(open_nameless(folder));
  return {};
}

Result<std::unique_ptr<port::Blocks>> create_scratch_disk(EventLoop& loop,
                                                          std::shared_ptr<port::Blocks> below,
                                                          const std::string& folder) {
  DiskFile file;
  ORRERY_TRY(file.descriptor, open_nameless(folder));
  const std::string path = folder + "/(no name)";
  auto image = image_file_of(std::move(file), path, create_queue(loop, path));
  return std::make_unique<ScratchDisk>(loop, std::move(below), std::move(image));
}

}  // namespace orrery::storage
