#include "device/pci/config_space.hpp"

#include "base/assert.hpp"
#include "base/bits.hpp"

namespace orrery::device::pci {

std::uint64_t ConfigSpace::read(std::uint64_t offset, Width width) const {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes_of(width); ++i) {
    const std::uint64_t byte = offset < kConfigSize - i ? bytes_[offset + i] : 0xFF;
    value |= byte << (8 * i);
  }
  return value;
}

void ConfigSpace::write(std::uint64_t offset, Width width, std::uint64_t value) {
  for (unsigned i = 0; i < bytes_of(width); ++i) {
    if (offset >= kConfigSize - i) return;
    const std::uint8_t mask = writable_[offset + i];
    const auto byte = static_cast<std::uint8_t>(value >> (8 * i));
    std::uint8_t& place = bytes_[offset + i];
    place = static_cast<std::uint8_t>((place & ~mask) | (byte & mask));
  }
}

unsigned ConfigSpace::add_capability(std::uint8_t id, unsigned size) {
  const unsigned offset = next_free_;
  next_free_ = static_cast<unsigned>(align_up(offset + size, 4));
  ORRERY_ASSERT(next_free_ <= kConfigSize);
  bytes_[last_link_] = static_cast<std::uint8_t>(offset);
  bytes_[offset] = id;
  last_link_ = offset + 1;
  set<std::uint16_t>(kStatus,
                     static_cast<std::uint16_t>(get<std::uint16_t>(kStatus) | kCapabilitiesList));
  return offset;
}

void ConfigSpace::restore(const std::array<std::uint8_t, kConfigSize>& saved) {
  for (unsigned i = 0; i < kConfigSize; ++i) {
    bytes_[i] = static_cast<std::uint8_t>((bytes_[i] & ~writable_[i]) | (saved[i] & writable_[i]));
  }
}

}  // namespace orrery::device::pci
