// The digests of all segments of a disk, in a file beside it, by which reads are verified
// (docs/formats/content-segments.md). It needs no trust: the disk's root, which is recorded in the
// disk or in the one above it, is a digest of the whole list. Private to storage/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/content/segment_hasher.hpp"
#include "store/digest.hpp"

namespace orrery::storage {

struct SegmentList {
  std::uint64_t size = 0;               // of the disk, bytes
  std::vector<SegmentDigest> segments;  // in rising order; `whole` is not kept

  // Null: the disk holds nothing of that segment.
  const SegmentDigest* find(std::uint64_t index) const;
  store::Digest root() const;
};

std::vector<std::byte> encode_segments(const SegmentList& list);
// Fails unless the list has this root.
Result<SegmentList> parse_segments(ByteSpan bytes, const store::Digest& root);

// IMAGE: the disk's path.
std::string segment_list_path(const std::string& image);
// Errors name the file. What is written takes the place of what was there when it is whole and
// durable.
Result<> write_segment_list(const std::string& image, const SegmentList& list);
Result<SegmentList> read_segment_list(const std::string& image, const store::Digest& root);

}  // namespace orrery::storage
