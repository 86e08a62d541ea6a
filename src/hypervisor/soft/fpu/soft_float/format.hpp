// The three encodings: binary32, binary64 and double-extended (SDM vol. 1, 4.2.2, table 4-2).
#pragma once

#include <cstdint>

#include "hypervisor/soft/fpu/soft_float/number.hpp"
#include "x86/state.hpp"

namespace orrery::hypervisor::soft::soft_float {

// What rounding needs to know of a format.
struct Shape {
  int precision;         // bits of the significand, with the integer bit
  int minimum_exponent;  // of a normal number
  int maximum_exponent;
};

// Sign, biased exponent and fraction without integer bit, packed into one integer.
template <typename BitsType, int kFractionBitsOf, int kExponentBitsOf>
struct Interchange {
  using Bits = BitsType;
  static constexpr int kFractionBits = kFractionBitsOf;
  static constexpr int kBias = (1 << (kExponentBitsOf - 1)) - 1;
  static constexpr int kSpecial = (1 << kExponentBitsOf) - 1;  // biased exponent of infinity, NaN
  static constexpr Shape kShape{kFractionBitsOf + 1, 1 - kBias, kBias};
  static constexpr Bits kSign = static_cast<Bits>(Bits{1} << (kFractionBitsOf + kExponentBitsOf));
  static constexpr Bits kFraction = static_cast<Bits>((Bits{1} << kFractionBitsOf) - 1);

  static bool sign(Bits bits) { return (bits & kSign) != 0; }
  static int biased(Bits bits) {
    return static_cast<int>(static_cast<Bits>(bits & ~kSign) >> kFractionBitsOf);
  }
  // Left-aligned below the integer bit.
  static std::uint64_t fraction(Bits bits) {
    return static_cast<std::uint64_t>(bits & kFraction) << (63 - kFractionBitsOf);
  }
  static bool is_supported(int, std::uint64_t) { return true; }
  // SIGNIFICAND has its integer bit in bit 63; it is clear for denormals, whose BIASED is 0.
  static Bits assemble(bool sign, int biased, std::uint64_t significand) {
    return static_cast<Bits>(
        (sign ? kSign : 0) | (static_cast<Bits>(biased) << kFractionBitsOf) |
        (static_cast<Bits>(significand >> (63 - kFractionBitsOf)) & kFraction));
  }
};

using Binary16 = Interchange<std::uint16_t, 10, 5>;
using Binary32 = Interchange<std::uint32_t, 23, 8>;
using Binary64 = Interchange<std::uint64_t, 52, 11>;

struct Extended {
  using Bits = x86::Float80;
  static constexpr int kBias = 16383;
  static constexpr int kSpecial = 0x7fff;
  static constexpr Shape kShape{64, 1 - kBias, kBias};

  static bool sign(const Bits& bits) { return (bits.sign_exponent & 0x8000) != 0; }
  static int biased(const Bits& bits) { return bits.sign_exponent & 0x7fff; }
  static std::uint64_t fraction(const Bits& bits) { return bits.significand & ~kIntegerBit; }
  static Bits assemble(bool sign, int biased, std::uint64_t significand) {
    return {significand, static_cast<std::uint16_t>((sign ? 0x8000 : 0) | biased)};
  }
};

template <typename Format>
constexpr bool kExplicitIntegerBit = false;
template <>
inline constexpr bool kExplicitIntegerBit<Extended> = true;

template <typename Format>
Number unpack(const typename Format::Bits& bits) {
  Number number;
  number.sign = Format::sign(bits);
  const int biased = Format::biased(bits);
  const std::uint64_t fraction = Format::fraction(bits);
  bool integer_bit = biased != 0;
  if constexpr (kExplicitIntegerBit<Format>) {
    integer_bit = (bits.significand & kIntegerBit) != 0;
    if (!integer_bit && biased != 0) {  // unnormal, pseudo-infinity, pseudo-NaN
      number.kind = Kind::kUnsupported;
      return number;
    }
  }
  number.significand = fraction | (integer_bit ? kIntegerBit : 0);
  if (biased == Format::kSpecial) {
    number.kind = fraction == 0                 ? Kind::kInfinity
                  : (fraction & kQuietBit) != 0 ? Kind::kQuietNan
                                                : Kind::kSignallingNan;
  } else if (number.significand != 0) {
    number.kind = Kind::kFinite;
    number.denormal = biased == 0;
    const int shift = __builtin_clzll(number.significand);
    number.exponent = (biased == 0 ? 1 : biased) - Format::kBias - shift;
    number.significand <<= shift;
  }
  return number;
}

// The same for an operand of an SSE instruction: with DAZ a denormal is a zero.
template <typename Format>
Number unpack(const typename Format::Bits& bits, const Context& context) {
  Number number = unpack<Format>(bits);
  if (number.denormal && context.denormals_are_zero) {
    number = {Kind::kZero, number.sign, false, 0, 0};
  }
  return number;
}

}  // namespace orrery::hypervisor::soft::soft_float
