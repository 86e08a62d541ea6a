#include "store/segmenter.hpp"

#include <algorithm>

#include "base/zeroes.hpp"

namespace orrery::store {
namespace {

// One block in four: segments of long files have 16 KiB on the average. Measured in
// docs/decisions/0011-image-store.md.
constexpr std::uint64_t kChosenOf = 4;

// By its last 32 bytes: enough to tell, and quick. The multiplier is 2^64 divided by the golden
// ratio.
bool ends_segment(ByteSpan block) {
  if (block.size() < kBlock) return true;
  std::uint64_t mixed = 0;
  for (std::size_t at = kBlock - 32; at < kBlock; at += 8) {
    mixed = (mixed ^ load_le<std::uint64_t>(block.data() + at)) * 0x9E3779B97F4A7C15;
    mixed ^= mixed >> 32;
  }
  const bool ends_in_zeroes = load_le<std::uint64_t>(block.data() + kBlock - 8) == 0;
  return ends_in_zeroes || mixed % kChosenOf == 0;
}

}  // namespace

std::vector<Cut> cut_segments(ByteSpan bytes, Ending ending) {
  std::vector<Cut> cuts;
  std::uint32_t open = 0;  // length of the segment that is not cut yet
  const auto close = [&] {
    if (open != 0) cuts.push_back({open, false});
    open = 0;
  };
  while (!bytes.empty()) {
    const ByteSpan block = bytes.first(std::min(kBlock, bytes.size()));
    const auto length = static_cast<std::uint32_t>(block.size());
    if (is_zero(block)) {
      close();
      if (!cuts.empty() && cuts.back().zeroes) {
        cuts.back().length += length;
      } else {
        cuts.push_back({length, true});
      }
    } else {
      open += length;
      if (open == kMostSegment || ends_segment(block)) close();
    }
    bytes = bytes.subspan(length);
  }
  if (ending == Ending::kLast) close();
  return cuts;
}

}  // namespace orrery::store
