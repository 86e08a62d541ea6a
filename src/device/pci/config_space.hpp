// The 256 bytes of a function's configuration space: what reads see, and which bits software may
// change (PCI 3.0, chapter 6).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/width.hpp"
#include "device/pci/registers.hpp"

namespace orrery::device::pci {

class ConfigSpace {
 public:
  // As the guest sees it. Bytes beyond the end read as ones and ignore writes.
  std::uint64_t read(std::uint64_t offset, Width width) const;
  void write(std::uint64_t offset, Width width, std::uint64_t value);

  // As the function itself sees it: every bit may be changed.
  template <std::unsigned_integral T>
  T get(unsigned offset) const {
    return load_le<T>(bytes_.data() + offset);
  }
  template <std::unsigned_integral T>
  void set(unsigned offset, T value) {
    store_le(bytes_.data() + offset, value);
  }

  // Lets the guest change the bits that are set in MASK; all are read-only at first.
  template <std::unsigned_integral T>
  void set_writable(unsigned offset, T mask) {
    store_le(writable_.data() + offset, mask);
  }

  // Reserves SIZE bytes for a capability with identifier ID, links it at the end of the list
  // (6.7), and returns its offset. Body bytes start as zero and read-only.
  unsigned add_capability(std::uint8_t id, unsigned size);

  // Read-write bits back to the values that seal() saw.
  void reset() { bytes_ = power_up_; }
  void seal() { power_up_ = bytes_; }

  const std::array<std::uint8_t, kConfigSize>& bytes() const { return bytes_; }
  // Takes the writable bits from a saved copy; the others are the model's.
  void restore(const std::array<std::uint8_t, kConfigSize>& saved);

 private:
  std::array<std::uint8_t, kConfigSize> bytes_{};
  std::array<std::uint8_t, kConfigSize> writable_{};
  std::array<std::uint8_t, kConfigSize> power_up_{};
  unsigned next_free_ = kDeviceSpecific;
  unsigned last_link_ = kCapabilitiesPointer;
};

}  // namespace orrery::device::pci
