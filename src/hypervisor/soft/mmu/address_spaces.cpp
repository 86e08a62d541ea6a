#include "hypervisor/soft/mmu/address_spaces.hpp"

#include <algorithm>

namespace orrery::hypervisor::soft {

void AddressSpaces::empty(Space& space) {
  space.known = false;
  space.entries.clear();
  space.pages.clear();
}

AddressSpaces::Space& AddressSpaces::place_for(std::uint64_t pcid) {
  auto place = std::ranges::find(spaces_, pcid, &Space::pcid);
  if (place == spaces_.end() && spaces_.size() < kMostSpaces) {
    place = spaces_.insert(place, Space{});
  } else if (place == spaces_.end()) {
    place = std::ranges::min_element(spaces_, {}, &Space::last_left);
  }
  empty(*place);
  place->pcid = pcid;
  place->last_left = ++leavings_;
  return *place;
}

AddressSpaces::Space* AddressSpaces::find(std::uint64_t pcid) {
  const auto place = std::ranges::find(spaces_, pcid, &Space::pcid);
  return place == spaces_.end() || !place->known ? nullptr : &*place;
}

void AddressSpaces::forget(std::uint64_t pcid) {
  if (Space* space = find(pcid)) empty(*space);
}

void AddressSpaces::forget_all() {
  for (Space& space : spaces_) empty(space);
}

}  // namespace orrery::hypervisor::soft
