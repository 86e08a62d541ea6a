// Where each byte of an image's disk is, and reading it.
#include <algorithm>

#include "base/bits.hpp"
#include "storage/request/read_below.hpp"
#include "storage/vhdx/guards.hpp"

namespace orrery::storage::vhdx {
namespace {

Mapping::Kind kind_of(const BlockEntry& entry, bool has_parent) {
  switch (entry.state) {
    case BlockState::kNotPresent: return Mapping::Kind::kBelow;
    case BlockState::kFullyPresent: return Mapping::Kind::kData;
    default: break;
  }
  // Undefined and unmapped ones may hold anything; the zeroes of a disk without a parent are those
  // of blocks that are not there.
  const bool zero = entry.state == BlockState::kZero || has_parent;
  return zero ? Mapping::Kind::kZero : Mapping::Kind::kBelow;
}

}  // namespace

Mapping Image::map_blocks(const BlockEntry& entry, std::uint64_t offset,
                          std::uint64_t length) const {
  const bool has_parent = metadata_.parent.has_value();
  std::uint64_t block = offset / block_size();
  Mapping mapping;
  mapping.kind = kind_of(entry, has_parent);
  mapping.host = entry.place + offset % block_size();
  mapping.length = std::min(length, block_size() - offset % block_size());
  for (std::uint64_t place = entry.place; mapping.length < length;) {
    const BlockEntry next = bat_.block(++block);
    place += block_size();
    if (next.state == BlockState::kPartiallyPresent) break;
    if (kind_of(next, has_parent) != mapping.kind) break;
    if (mapping.kind == Mapping::Kind::kData &&
        (next.place != place || !check_entry(bat_.shape().index_of_block(block))))
      break;
    mapping.length += std::min(block_size(), length - mapping.length);
  }
  return mapping;
}

Task<Result<Mapping>> Image::map(std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t block = offset / block_size();
  const BlockEntry entry = bat_.block(block);
  const Result<> checked = check_entry(bat_.shape().index_of_block(block));
  if (!checked) co_return fail(checked.error());
  if (entry.state != BlockState::kPartiallyPresent) co_return map_blocks(entry, offset, length);
  const std::uint64_t part = std::min(length, block_size() - offset % block_size());
  co_return co_await map_partial(block, entry, offset, part);
}

// The bits of sectors of a disk that lie in one block, whose chunk has a bitmap.
Image::Bits Image::bits_of(std::uint64_t offset, std::uint64_t length) const {
  const std::uint64_t chunk_size = bat_.shape().chunk_ratio * block_size();
  const std::uint64_t sector = offset % chunk_size / metadata_.logical_sector;
  const std::uint64_t place = bat_.bitmap(offset / chunk_size).place;
  return {place + sector / 8, sector % 8, length / metadata_.logical_sector};
}

Task<Result<Mapping>> Image::map_partial(std::uint64_t block, const BlockEntry& entry,
                                         std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t index = bat_.shape().index_of_bitmap(block / bat_.shape().chunk_ratio);
  const Result<> checked = check_entry(index);
  if (!checked) co_return fail(checked.error());
  const std::uint64_t sector = metadata_.logical_sector;
  // Of this page of the bitmap: one wait at most.
  Bits bits = bits_of(align_down(offset, sector), length + offset % sector);
  const Result<Page*> page = co_await bitmaps_.get(bits.at, PageKind::kMapping);
  if (!page) co_return fail(page.error());
  const std::uint64_t in_page = ((*page)->offset + bitmaps_.page_size() - bits.at) * 8 - bits.first;
  bits.count = std::min(std::max<std::uint64_t>(bits.count, 1), in_page);
  const std::byte* const data = &(*page)->data[bits.at - (*page)->offset];
  const auto is_present = [&](std::uint64_t i) {
    const std::uint64_t at = bits.first + i;
    return (static_cast<unsigned>(data[at / 8]) >> (at % 8) & 1) != 0;
  };
  const bool present = is_present(0);
  std::uint64_t run = 1;
  while (run < bits.count && is_present(run) == present) ++run;
  Mapping mapping;
  mapping.kind = present ? Mapping::Kind::kData : Mapping::Kind::kBelow;
  mapping.host = entry.place + offset % block_size();
  mapping.length = std::min(length, run * sector - offset % sector);
  co_return mapping;
}

Task<Result<>> Image::read(std::uint64_t offset, std::uint64_t length, BufferCursor& to) {
  const InFlight in_flight(*this);
  while (length != 0) {
    const Result<Mapping> mapping = co_await map(offset, length);
    if (!mapping) co_return fail(mapping.error());
    const std::uint64_t part = mapping->length;
    Result<> done;
    switch (mapping->kind) {
      case Mapping::Kind::kData: done = co_await file_->read(mapping->host, to.take(part)); break;
      case Mapping::Kind::kZero: to.fill_zeroes(part); break;
      case Mapping::Kind::kBelow: done = co_await read_below(parent_, offset, part, to); break;
    }
    if (!done) co_return done;
    offset += part;
    length -= part;
  }
  co_return Result<>{};
}

}  // namespace orrery::storage::vhdx
