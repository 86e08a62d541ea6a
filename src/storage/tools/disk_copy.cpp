#include "storage/tools/disk_copy.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"

namespace orrery::storage {
namespace {

using port::BlockRequest;

// What the workers share.
struct Pieces {
  const std::uint64_t size;
  const Progress& progress;
  const PieceWork& work;
  std::uint64_t next = 0;
  std::uint64_t done = 0;
  Result<> result;
};

// Eight: while some are read or written by the host's threads, others are looked at here.
constexpr std::size_t kWorkers = 8;

Task<Result<>> work_through(Pieces& pieces) {
  // Pages that are never touched cost nothing.
  const auto pages = std::make_unique_for_overwrite<std::byte[]>(2 * kPiece);
  const MutableByteSpan buffers(pages.get(), 2 * kPiece);
  while (pieces.result && pieces.next < pieces.size) {
    const std::uint64_t offset = pieces.next;
    const std::uint64_t length = std::min(kPiece, pieces.size - offset);
    pieces.next += length;
    const Result<> done = co_await pieces.work({.offset = offset,
                                                .length = length,
                                                .buffer = buffers.first(length),
                                                .second_buffer = buffers.subspan(kPiece, length)});
    if (!done && pieces.result) pieces.result = done;
    pieces.done += length;
    if (pieces.progress && !pieces.progress(pieces.done, pieces.size) && pieces.result) {
      pieces.result = fail("cancelled");
    }
  }
  co_return Result<>{};
}

Task<Result<>> work_together(Pieces& pieces) {
  std::vector<Task<Result<>>> workers;
  for (std::size_t i = 0; i < kWorkers; ++i) workers.push_back(work_through(pieces));
  (void)co_await all_of(std::move(workers));
  co_return pieces.result;
}

}  // namespace

Result<> for_each_piece(EventLoop& loop, std::uint64_t size, const Progress& progress,
                        const PieceWork& work) {
  Pieces pieces{.size = size, .progress = progress, .work = work, .result = {}};
  return run_task(loop, work_together(pieces));
}

Task<Result<>> zero_piece(port::Blocks& disk, std::uint64_t offset, std::uint64_t length) {
  BlockRequest request;
  request.kind = BlockRequest::Kind::kWriteZeroes;
  request.offset = offset;
  request.length = length;
  request.may_unmap = true;
  co_return co_await Submitted(disk, std::move(request));
}

Task<Result<port::BlockExtent>> map_piece(port::Blocks& disk, std::uint64_t offset,
                                          std::uint64_t length) {
  co_return co_await Mapped(disk, offset, length);
}

Task<Result<>> read_with_zeroes(port::Blocks& disk, std::uint64_t offset, MutableByteSpan to) {
  const std::uint64_t end = disk.geometry().size.value();
  const std::uint64_t there = offset >= end ? 0 : std::min<std::uint64_t>(to.size(), end - offset);
  std::fill(to.begin() + static_cast<std::ptrdiff_t>(there), to.end(), std::byte{0});
  if (there == 0) co_return Result<>{};
  co_return co_await read_all(disk, offset, to.first(there));
}

void note_difference(std::optional<Difference>& first, std::uint64_t offset, ByteSpan one,
                     ByteSpan other) {
  if (std::memcmp(one.data(), other.data(), one.size()) == 0) return;
  const auto differs = std::mismatch(one.begin(), one.end(), other.begin()).first;
  const auto at = static_cast<std::uint64_t>(differs - one.begin());
  const std::uint64_t sector = (offset + at) / 512 * 512;
  if (!first || sector < first->offset) first = Difference{sector};
}

}  // namespace orrery::storage
