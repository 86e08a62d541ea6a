#include "hypervisor/soft/translate/unit.hpp"

#include <algorithm>

namespace orrery::hypervisor::soft::translate {

void Unit::keep_bytes() {
  code.clear();
  for (const Item& item : items) code.insert(code.end(), item.bytes.begin(), item.bytes.end());
  std::size_t at = 0;
  for (Item& item : items) {
    const std::size_t size = item.bytes.size();
    item.bytes = ByteSpan(code).subspan(at, size);
    at += size;
  }
}

std::uint64_t Unit::body_of(std::uint64_t rip) const {
  const auto found = std::ranges::find(bodies, rip, &Body::rip);
  return found == bodies.end() ? 0 : found->address;
}

}  // namespace orrery::hypervisor::soft::translate
