#include "storage/request/read_below.hpp"

#include <algorithm>

#include "storage/request/submitted.hpp"

namespace orrery::storage {

Task<Result<>> read_below(port::Blocks* below, std::uint64_t offset, std::uint64_t length,
                          BufferCursor& to) {
  const std::uint64_t end = below == nullptr ? 0 : below->geometry().size.value();
  const std::uint64_t there = offset >= end ? 0 : std::min(length, end - offset);
  if (there != 0) {
    port::BlockRequest request;
    request.offset = offset;
    request.length = there;
    request.buffers = to.take_spans(there);
    const Result<> read = co_await Submitted(*below, std::move(request));
    if (!read) co_return read;
  }
  to.fill_zeroes(length - there);
  co_return Result<>{};
}

}  // namespace orrery::storage
