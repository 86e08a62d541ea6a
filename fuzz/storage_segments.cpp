// Fuzzes lists of segments: what is taken has the root that was asked for, and writes back as it
// came.
#include <algorithm>

#include "base/assert.hpp"
#include "storage/content/segment_list.hpp"

namespace {

// Of what the bytes say, so that more than the first checks are passed: a list of such a root is
// taken if all else is right.
orrery::store::Digest claimed_root(orrery::ByteSpan bytes) {
  using namespace orrery;
  constexpr std::size_t kHeader = 32;
  constexpr std::size_t kEntry = 40;
  storage::SegmentList list;
  if (bytes.size() >= kHeader) list.size = load_le<std::uint64_t>(&bytes[16]);
  for (std::size_t at = kHeader; at + kEntry <= bytes.size(); at += kEntry) {
    storage::SegmentDigest segment;
    segment.index = load_le<std::uint64_t>(&bytes[at]);
    std::copy_n(&bytes[at + 8], segment.digest.bytes.size(), segment.digest.bytes.begin());
    list.segments.push_back(segment);
  }
  return list.root();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  static const Result<> kLoaded = store::load_hasher();
  ORRERY_ASSERT(kLoaded.has_value());
  const ByteSpan bytes = as_bytes(data, size);
  const store::Digest root = claimed_root(bytes);
  const auto list = storage::parse_segments(bytes, root);
  if (!list) return 0;
  ORRERY_ASSERT(list->root() == root);
  for (const auto& each : list->segments) ORRERY_ASSERT(list->find(each.index) == &each);
  auto again = storage::encode_segments(*list);
  std::copy_n(bytes.begin() + 12, 4, again.begin() + 12);  // says nothing in this version
  ORRERY_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  return 0;
}
