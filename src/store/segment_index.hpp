// Finds a segment by its digest: 16 bytes a segment, the digests themselves stay in the packs'
// tables. Private to store/.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "store/digest.hpp"
#include "store/pack/pack_builder.hpp"

namespace orrery::store {

// One thread.
class SegmentIndex {
 public:
  // DIGEST_OF: of a place that was inserted.
  explicit SegmentIndex(std::function<const Digest&(Place)> digest_of)
      : digest_of_(std::move(digest_of)), slots_(kFewestSlots) {}

  std::optional<Place> find(const Digest& digest) const;
  // What was known of the same digest is replaced.
  void insert(const Digest& digest, Place place);

 private:
  struct Slot {
    std::uint64_t word = 0;  // the digest's first
    Place place{kNoPack, 0};
  };
  static constexpr std::uint32_t kNoPack = UINT32_MAX;
  static constexpr std::size_t kFewestSlots = 1024;  // a power of two

  // Of the digest, or the free one where it would be.
  std::size_t slot_of(const Digest& digest) const;
  void grow();

  const std::function<const Digest&(Place)> digest_of_;
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace orrery::store
