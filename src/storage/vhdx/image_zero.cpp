// Write-zeroes and discard: whole blocks by their entries, the rest in their places.
#include <algorithm>

#include "base/bits.hpp"
#include "storage/vhdx/guards.hpp"

namespace orrery::storage::vhdx {

Task<Result<>> Image::write_zeroes(std::uint64_t offset, std::uint64_t length, Unmap unmap) {
  const Result<> writable = co_await check_writable();
  if (!writable) co_return writable;
  const InFlight in_flight(*this);
  while (length != 0) {
    const std::uint64_t block = offset / block_size();
    const std::uint64_t part = std::min(length, block_size() - offset % block_size());
    Result<> done;
    if (part == length_of_block(block)) {
      done = co_await zero_block(block, unmap);
    } else {
      done = co_await zero_part(offset, part, unmap);
    }
    if (!done) co_return done;
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

Task<Result<>> Image::discard(std::uint64_t offset, std::uint64_t length) {
  const Result<> writable = co_await check_writable();
  if (!writable) co_return writable;
  const InFlight in_flight(*this);
  while (length != 0) {
    const std::uint64_t block = offset / block_size();
    const std::uint64_t part = std::min(length, block_size() - offset % block_size());
    const BlockEntry entry = bat_.block(block);
    Result<> done;
    if (part == length_of_block(block)) {
      done = co_await zero_block(block, Unmap::kMay);
    } else if (entry.state == BlockState::kFullyPresent && !metadata_.parent) {
      const std::uint64_t first = align_up(offset, kLogSector);
      const std::uint64_t end = align_down(offset + part, kLogSector);
      const std::uint64_t place = entry.place + first % block_size();
      if (first < end) done = co_await clear(place, end - first, Unmap::kMay);
    }
    if (!done) co_return done;
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

Task<Result<>> Image::zero_block(std::uint64_t block, Unmap unmap) {
  while (true) {
    const BlockEntry entry = bat_.block(block);
    const bool fully = entry.state == BlockState::kFullyPresent;
    if (fully && (metadata_.fixed() || unmap == Unmap::kNever)) {
      co_return co_await clear(entry.place, length_of_block(block), unmap);
    }
    // What no block is there for reads as zeroes without a parent.
    if (entry.state == BlockState::kZero || (!metadata_.parent && !fully)) co_return Result<>{};
    if (!lock_block(block)) {
      co_await unlocked_;
      continue;
    }
    const BlockLock lock(*this, block);
    const Result<> reserved = co_await reserve(1);
    if (!reserved) co_return reserved;
    const Reservation reservation(*this, 1);
    const BlockEntry old = bat_.block(block);
    bat_.set_block(block, {BlockState::kZero, 0});
    retire(old);
    co_return Result<>{};
  }
}

// Less than a block.
Task<Result<>> Image::zero_part(std::uint64_t offset, std::uint64_t length, Unmap unmap) {
  while (length != 0) {
    const Result<Mapping> mapping = co_await map(offset, length);
    if (!mapping) co_return fail(mapping.error());
    std::uint64_t part = mapping->length;
    Result<> done;
    if (mapping->kind == Mapping::Kind::kData) {
      done = co_await clear(mapping->host, part, unmap);
    } else if (mapping->kind == Mapping::Kind::kBelow && metadata_.parent) {
      part = std::min<std::uint64_t>(part, zero_bytes().size());
      const std::vector<MutableByteSpan> buffers{zero_bytes().first(part)};
      BufferCursor cursor(buffers);
      done = co_await write(offset, part, cursor);
    }
    if (!done) co_return done;
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

// Zeroes in their place; with UNMAP the host gets whole pages back.
Task<Result<>> Image::clear(std::uint64_t place, std::uint64_t length, Unmap unmap) {
  const std::uint64_t end = place + length;
  const std::uint64_t first = align_up(place, kLogSector);
  const std::uint64_t last = align_down(end, kLogSector);
  if (unmap == Unmap::kNever || first >= last)
    co_return co_await file_->write_zeroes(place, length);
  const Result<bool> punched = co_await file_->punch(first, last - first);
  if (!punched) co_return fail(punched.error());
  if (!*punched) co_return co_await file_->write_zeroes(place, length);
  Result<> done = co_await file_->write_zeroes(place, first - place);
  if (done) done = co_await file_->write_zeroes(last, end - last);
  co_return done;
}

}  // namespace orrery::storage::vhdx
