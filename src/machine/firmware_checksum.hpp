// The checksum of firmware tables (ACPI 6.5, 5.2.5.3; MultiProcessor Specification 1.4, 4.1): all
// bytes of a table add up to 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace orrery::machine {

// Sets CHECKSUM, which is one of the SIZE bytes at START.
inline void make_checksum(std::byte* start, std::size_t size, std::byte& checksum) {
  checksum = std::byte{0};
  std::uint8_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += std::to_integer<std::uint8_t>(start[i]);
  checksum = static_cast<std::byte>(-sum);
}

}  // namespace orrery::machine
