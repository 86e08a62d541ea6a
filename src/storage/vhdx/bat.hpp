// The block allocation table in memory: [MS-VHDX] 2.5. Private to storage/.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "base/bytes.hpp"
#include "storage/vhdx/layout.hpp"
#include "storage/vhdx/metadata.hpp"

namespace orrery::storage::vhdx {

struct BlockEntry {
  BlockState state = BlockState::kNotPresent;
  std::uint64_t place = 0;  // in the file, bytes

  bool has_place() const {
    return state == BlockState::kFullyPresent || state == BlockState::kPartiallyPresent;
  }
  friend bool operator==(const BlockEntry&, const BlockEntry&) = default;
};

inline BlockEntry decode_entry(std::uint64_t entry) {
  return {static_cast<BlockState>(entry & kStateMask), entry & kPlaceMask};
}
inline std::uint64_t encode_entry(const BlockEntry& entry) {
  return entry.place | static_cast<std::uint64_t>(entry.state);
}

// How a disk is divided. A chunk is what one sector bitmap block (1 MiB) describes; its entry
// stands behind those of its payload blocks, CHUNK_RATIO of them.
struct BatShape {
  BatShape() = default;
  BatShape(const Metadata& metadata, std::uint64_t disk_size);

  std::uint64_t index_of_block(std::uint64_t block) const { return block + block / chunk_ratio; }
  std::uint64_t index_of_bitmap(std::uint64_t chunk) const {
    return chunk * (chunk_ratio + 1) + chunk_ratio;
  }
  bool is_bitmap(std::uint64_t index) const { return index % (chunk_ratio + 1) == chunk_ratio; }

  std::uint64_t chunk_ratio = 1;
  std::uint64_t blocks = 0;
  std::uint64_t entries = 0;  // of both kinds
};

class Bat {
 public:
  static constexpr std::uint64_t kPerPage = kLogSector / 8;

  // ENTRIES: whole pages, as they are in the file at OFFSET.
  void load(std::uint64_t offset, const BatShape& shape, std::vector<std::uint64_t> entries);

  const BatShape& shape() const { return shape_; }
  std::uint64_t raw(std::uint64_t index) const { return entries_[index]; }
  std::uint64_t page_count() const { return entries_.size() / kPerPage; }

  BlockEntry block(std::uint64_t block) const {
    return decode_entry(entries_[shape_.index_of_block(block)]);
  }
  BlockEntry bitmap(std::uint64_t chunk) const {
    return decode_entry(entries_[shape_.index_of_bitmap(chunk)]);
  }
  void set_block(std::uint64_t block, const BlockEntry& entry) {
    set(shape_.index_of_block(block), encode_entry(entry));
  }
  void set_bitmap(std::uint64_t chunk, const BlockEntry& entry) {
    set(shape_.index_of_bitmap(chunk), encode_entry(entry));
  }

  // Another shape; entries that are new are blocks that are not present.
  void grow(const BatShape& shape);
  void move_to(std::uint64_t offset) { offset_ = offset; }

  std::size_t dirty_count() const { return dirty_.size(); }
  std::set<std::uint64_t> take_dirty() { return std::exchange(dirty_, {}); }
  void mark_dirty(const std::set<std::uint64_t>& pages) {
    dirty_.insert(pages.begin(), pages.end());
  }
  std::uint64_t offset_of_page(std::uint64_t page) const { return offset_ + page * kLogSector; }
  std::vector<std::byte> bytes_of_page(std::uint64_t page) const;

 private:
  void set(std::uint64_t index, std::uint64_t entry) {
    if (entries_[index] == entry) return;
    entries_[index] = entry;
    dirty_.insert(index / kPerPage);
  }

  BatShape shape_;
  std::uint64_t offset_ = 0;
  std::vector<std::uint64_t> entries_;
  std::set<std::uint64_t> dirty_;  // pages
};

}  // namespace orrery::storage::vhdx
