// The size of one access on a bus: a register of 8, 16, 32 or 64 bits.
#pragma once

#include <cstdint>

namespace orrery {

enum class Width : std::uint8_t { k8 = 1, k16 = 2, k32 = 4, k64 = 8 };

constexpr unsigned bytes_of(Width width) {
  return static_cast<unsigned>(width);
}
constexpr unsigned bits_of(Width width) {
  return bytes_of(width) * 8;
}
constexpr std::uint64_t mask_of(Width width) {
  return width == Width::k64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits_of(width)) - 1;
}

}  // namespace orrery
