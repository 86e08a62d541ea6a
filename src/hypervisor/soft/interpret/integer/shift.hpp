// What shifts and rotates compute (SDM vol. 2, "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR", "SHLD",
// "SHRD"). Counts are already masked to 5 or 6 bits and not zero. The manual defines OF for counts
// of 1 only; for larger ones it follows the same formula, as on processors.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace orrery::hypervisor::soft::integer {

template <std::unsigned_integral T>
struct Shifted {
  T value;
  bool carry;
  bool overflow;
};

template <std::unsigned_integral T>
inline constexpr unsigned kBits = sizeof(T) * 8;

// Counts for operands of T: 6 bits for quadwords, 5 for all others.
template <std::unsigned_integral T>
inline constexpr unsigned kCountMask = sizeof(T) == 8 ? 63 : 31;

template <std::unsigned_integral T>
constexpr bool top_bit(T value) {
  return (value >> (kBits<T> - 1)) != 0;
}
// The two top bits differ: what a shift to the right makes of "the sign changed".
template <std::unsigned_integral T>
constexpr bool top_bits_differ(T value) {
  return top_bit(static_cast<T>(value ^ (value << 1)));
}

// kShifts: SF, ZF, AF and PF follow the result; a rotation leaves them.
struct ShiftLeft {
  static constexpr bool kShifts = true;
  template <std::unsigned_integral T>
  static constexpr Shifted<T> compute(T value, unsigned count, bool) {
    // One place to the left of the last shift, where bytes and words may have lost all bits.
    const std::uint64_t before_last = std::uint64_t{value} << (count - 1);
    const bool carry = ((before_last >> (kBits<T> - 1)) & 1) != 0;
    const auto result = static_cast<T>(before_last << 1);
    return {result, carry, top_bit(result) != carry};
  }
};

struct ShiftRight {
  static constexpr bool kShifts = true;
  template <std::unsigned_integral T>
  static constexpr Shifted<T> compute(T value, unsigned count, bool) {
    const std::uint64_t before_last = std::uint64_t{value} >> (count - 1);
    const auto result = static_cast<T>(before_last >> 1);
    return {result, (before_last & 1) != 0, top_bits_differ(result)};
  }
};

struct ShiftArithmeticRight {
  static constexpr bool kShifts = true;
  template <std::unsigned_integral T>
  static constexpr Shifted<T> compute(T value, unsigned count, bool) {
    using Signed = std::make_signed_t<T>;
    const std::int64_t before_last = std::int64_t{static_cast<Signed>(value)} >> (count - 1);
    return {static_cast<T>(before_last >> 1), (before_last & 1) != 0, false};
  }
};

struct RotateLeft {
  static constexpr bool kShifts = false;
  template <std::unsigned_integral T>
  static constexpr Shifted<T> compute(T value, unsigned count, bool) {
    const unsigned places = count % kBits<T>;
    const auto result =
        places == 0 ? value : static_cast<T>(value << places | value >> (kBits<T> - places));
    const bool carry = (result & 1) != 0;
    return {result, carry, top_bit(result) != carry};
  }
};

struct RotateRight {
  static constexpr bool kShifts = false;
  template <std::unsigned_integral T>
  static constexpr Shifted<T> compute(T value, unsigned count, bool) {
    const unsigned places = count % kBits<T>;
    const auto result =
        places == 0 ? value : static_cast<T>(value >> places | value << (kBits<T> - places));
    return {result, top_bit(result), top_bits_differ(result)};
  }
};

// Rotates of the operand with CF above it: kBits + 1 places in the circle.
struct RotateCarryLeft {
  static constexpr bool kShifts = false;
  template <std::unsigned_integral T>
  static constexpr Shifted<T> compute(T value, unsigned count, bool carry) {
    for (unsigned places = count % (kBits<T> + 1); places != 0; --places) {
      const bool leaving = top_bit(value);
      value = static_cast<T>(value << 1 | T{carry});
      carry = leaving;
    }
    return {value, carry, top_bit(value) != carry};
  }
};

struct RotateCarryRight {
  static constexpr bool kShifts = false;
  template <std::unsigned_integral T>
  static constexpr Shifted<T> compute(T value, unsigned count, bool carry) {
    for (unsigned places = count % (kBits<T> + 1); places != 0; --places) {
      const bool leaving = (value & 1) != 0;
      value = static_cast<T>(value >> 1 | T{carry} << (kBits<T> - 1));
      carry = leaving;
    }
    return {value, carry, top_bits_differ(value)};
  }
};

// Shifts of VALUE that take their new bits from FILL. A word may be shifted by more than its width,
// which the manual leaves undefined: AMD processors then take further bits from FILL again, and the
// carry is 0.
struct ShiftDoubleLeft {
  template <std::unsigned_integral T>
  static constexpr Shifted<T> compute(T value, T fill, unsigned count) {
    T result{};
    if constexpr (sizeof(T) == 2) {
      const std::uint64_t joined = std::uint64_t{value} << 32 | std::uint64_t{fill} << 16 | fill;
      result = static_cast<T>(joined << count >> 32);
    } else {
      result = static_cast<T>(value << count | fill >> (kBits<T> - count));
    }
    const std::uint64_t before_last = std::uint64_t{value} << (count - 1);
    const bool carry = (before_last >> (kBits<T> - 1) & 1) != 0;
    return {result, carry, top_bit(result) != carry};
  }
};

struct ShiftDoubleRight {
  template <std::unsigned_integral T>
  static constexpr Shifted<T> compute(T value, T fill, unsigned count) {
    T result{};
    if constexpr (sizeof(T) == 2) {
      const std::uint64_t joined = std::uint64_t{fill} << 32 | std::uint64_t{fill} << 16 | value;
      result = static_cast<T>(joined >> count);
    } else {
      result = static_cast<T>(value >> count | fill << (kBits<T> - count));
    }
    const bool carry = (std::uint64_t{value} >> (count - 1) & 1) != 0;
    return {result, carry, top_bits_differ(result)};
  }
};

}  // namespace orrery::hypervisor::soft::integer
