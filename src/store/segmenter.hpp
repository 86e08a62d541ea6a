// Where a disk is cut into segments, each of which is stored once.
//
// Disks of virtual machines hold file systems, which put every file at the start of a block of 4
// KiB and fill its last block with zeroes. So cuts are made between blocks only, and where the
// content says so: at the end of a file (a block that ends in zeroes), and at blocks that a
// function of their content chooses, so that the same stretch is cut alike wherever it lies. Blocks
// of zeroes are in no segment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace orrery::store {

inline constexpr std::size_t kBlock = 4096;
// A change costs at most so much; measured on related Debian disks
// (docs/decisions/0011-image-store.md).
inline constexpr std::size_t kMostSegment = 64_KiB;

struct Cut {
  std::uint32_t length = 0;  // bytes
  bool zeroes = false;
};

// Cuts BYTES from their start. The last segment may go on in what follows, so without `kLast` it is
// left out: the sum of the cuts is what is used up. Only the last block of all may be shorter than
// kBlock.
enum class Ending : std::uint8_t { kMore, kLast };
std::vector<Cut> cut_segments(ByteSpan bytes, Ending ending);

}  // namespace orrery::store
