// A disk in memory whose power a test cuts: MemoryFile behind the port.
#pragma once

#include <memory>

#include "storage/io/buffer_cursor.hpp"
#include "storage/io/image_file.hpp"
#include "storage/memory_file.hpp"
#include "storage/request/task_disk.hpp"

namespace orrery::testing {

class FileDisk final : public storage::TaskDisk {
 public:
  FileDisk(EventLoop& loop, const std::shared_ptr<MemoryFile>& file, unsigned seed = 1)
      : TaskDisk(loop, "memory"),
        image_(std::make_unique<MemoryExecutor>(loop, file, seed), "memory", file->content.size()) {
    geometry_.size = Bytes(file->content.size());
    geometry_.can_discard = geometry_.can_write_zeroes = true;
  }
  ~FileDisk() override {
    image_.stop();
    drop_jobs();
  }
  void make_read_only() { geometry_.read_only = true; }

 protected:
  Task<Result<>> serve(const port::BlockRequest& request) override {
    using Kind = port::BlockRequest::Kind;
    storage::BufferCursor buffers(request.buffers);
    switch (request.kind) {
      case Kind::kRead:
        co_return co_await image_.read(request.offset, buffers.take(request.length));
      case Kind::kWrite:
        co_return co_await image_.write(request.offset, buffers.take(request.length));
      case Kind::kFlush: co_return co_await image_.sync();
      case Kind::kDiscard:
      case Kind::kWriteZeroes:
        co_return co_await image_.write_zeroes(request.offset, request.length);
    }
    co_return Result<>{};
  }
  Task<Result<port::BlockExtent>> find_extent(std::uint64_t /*offset*/,
                                              std::uint64_t length) override {
    co_return port::BlockExtent{.length = length, .allocated = true, .host_offset = {}};
  }
  Task<Result<>> change_size(Bytes size) override {
    std::vector<std::byte> zero(512);
    const Result<> done =
        co_await image_.write(size.value() - zero.size(), storage::vectors_of(zero));
    if (done) geometry_.size = size;
    co_return done;
  }

 private:
  storage::ImageFile image_;
};

}  // namespace orrery::testing
