#include "storage/request/transfers.hpp"

#include "storage/request/submitted.hpp"

namespace orrery::storage {
namespace {

using port::BlockRequest;

Task<Result<>> transfer(port::Blocks& disk, BlockRequest::Kind kind, std::uint64_t offset,
                        MutableByteSpan bytes) {
  BlockRequest request;
  request.kind = kind;
  request.offset = offset;
  request.length = bytes.size();
  if (!bytes.empty()) request.buffers = {bytes};
  co_return co_await Submitted(disk, std::move(request));
}

}  // namespace

Task<Result<>> read_all(port::Blocks& disk, std::uint64_t offset, MutableByteSpan to) {
  return transfer(disk, BlockRequest::Kind::kRead, offset, to);
}

Task<Result<>> write_all(port::Blocks& disk, std::uint64_t offset, MutableByteSpan from) {
  return transfer(disk, BlockRequest::Kind::kWrite, offset, from);
}

Task<Result<>> flush(port::Blocks& disk) {
  return transfer(disk, BlockRequest::Kind::kFlush, 0, {});
}

Task<Result<>> resize_to(port::Blocks& disk, Bytes size) {
  struct Resized {
    port::Blocks& disk;
    const Bytes size;
    Result<> result;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      disk.resize(size, [this, handle](Result<> done) {
        result = std::move(done);
        handle.resume();
      });
    }
    Result<> await_resume() { return std::move(result); }
  };
  co_return co_await Resized{disk, size, {}};
}

}  // namespace orrery::storage
