// Digests of the segments that a disk holds (docs/formats/content-root.md): of all of them, for its
// root, or of one, to see whether it is still what it was. Private to storage/.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "port/blocks.hpp"
#include "store/digest.hpp"

namespace orrery::storage {

inline constexpr std::uint64_t kContentSegment = 64_KiB;

struct SegmentDigest {
  std::uint64_t index = 0;
  store::Digest digest;
  bool whole = false;  // the disk holds all of its sectors: nothing shows through
};

// Of the segments of DISK in BUFFER's length from OFFSET on, which is where a segment begins: those
// of which it holds a sector, in order. BUFFER is for its own use. After store::load_hasher().
Task<Result<std::vector<SegmentDigest>>> hash_segments(port::Blocks& disk, std::uint64_t offset,
                                                       MutableByteSpan buffer);

// The root over them all.
class RootHasher {
 public:
  // SIZE: of the disk, bytes.
  explicit RootHasher(std::uint64_t size);

  void add(const SegmentDigest& segment);  // in rising order
  store::Digest finish() { return root_.finish(); }

 private:
  void add_number(std::uint64_t number);

  store::Hasher root_;
};

}  // namespace orrery::storage
