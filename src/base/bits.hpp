// Bit arithmetic shared by registers, descriptors and page tables.
#pragma once

#include <concepts>
#include <cstdint>

namespace orrery {

// Bits HIGH..LOW of a value, moved to bit 0, numbered as the manuals number them.
template <std::unsigned_integral T>
constexpr T bits(T value, unsigned high, unsigned low) {
  const unsigned width = high - low + 1;
  const T mask =
      width >= sizeof(T) * 8 ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << width) - 1);
  return static_cast<T>((value >> low) & mask);
}

template <std::unsigned_integral T>
constexpr bool bit(T value, unsigned position) {
  return ((value >> position) & 1) != 0;
}

constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t power_of_two) {
  return value & ~(power_of_two - 1);
}

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t power_of_two) {
  return align_down(value + power_of_two - 1, power_of_two);
}

constexpr bool is_aligned(std::uint64_t value, std::uint64_t power_of_two) {
  return (value & (power_of_two - 1)) == 0;
}

// Extends the sign at bit WIDTH-1 to 64 bits.
constexpr std::uint64_t sign_extend(std::uint64_t value, unsigned width) {
  const unsigned shift = 64 - width;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << shift) >> shift);
}

}  // namespace orrery
