#include "storage/vhdx/bat.hpp"

#include "base/bits.hpp"

namespace orrery::storage::vhdx {

BatShape::BatShape(const Metadata& metadata, std::uint64_t disk_size) {
  constexpr std::uint64_t kSectorsPerChunk = 1u << 23;
  chunk_ratio = kSectorsPerChunk * metadata.logical_sector / metadata.block_size;
  blocks = align_up(disk_size, metadata.block_size) / metadata.block_size;
  const std::uint64_t chunks = (blocks + chunk_ratio - 1) / chunk_ratio;
  entries = metadata.parent ? chunks * (chunk_ratio + 1) : index_of_block(blocks - 1) + 1;
}

void Bat::load(std::uint64_t offset, const BatShape& shape, std::vector<std::uint64_t> entries) {
  offset_ = offset;
  shape_ = shape;
  entries_ = std::move(entries);
  dirty_.clear();
}

void Bat::grow(const BatShape& shape) {
  const std::uint64_t old = shape_.entries;
  shape_ = shape;
  const std::uint64_t size = align_up(shape.entries, kPerPage);
  if (size > entries_.size()) entries_.resize(size);
  // What another program left behind the end.
  for (std::uint64_t index = old; index < shape.entries; ++index) set(index, 0);
}

std::vector<std::byte> Bat::bytes_of_page(std::uint64_t page) const {
  std::vector<std::byte> bytes(kLogSector);
  for (std::uint64_t i = 0; i < kPerPage; ++i)
    store_le(&bytes[i * 8], entries_[page * kPerPage + i]);
  return bytes;
}

}  // namespace orrery::storage::vhdx
