#include "store/segment_index.hpp"

namespace orrery::store {

std::size_t SegmentIndex::slot_of(const Digest& digest) const {
  const std::uint64_t word = digest.first_word();
  for (std::size_t at = word & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.place.pack == kNoPack) return at;
    if (slot.word == word && digest_of_(slot.place) == digest) return at;
  }
}

std::optional<Place> SegmentIndex::find(const Digest& digest) const {
  const Slot& slot = slots_[slot_of(digest)];
  if (slot.place.pack == kNoPack) return std::nullopt;
  return slot.place;
}

void SegmentIndex::insert(const Digest& digest, Place place) {
  // Half full at most, so that searches stay short.
  if (2 * used_ >= slots_.size()) grow();
  Slot& slot = slots_[slot_of(digest)];
  if (slot.place.pack == kNoPack) ++used_;
  slot = {digest.first_word(), place};
}

void SegmentIndex::grow() {
  std::vector<Slot> old(2 * slots_.size());
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.place.pack != kNoPack) slots_[slot_of(digest_of_(slot.place))] = slot;
  }
}

}  // namespace orrery::store
