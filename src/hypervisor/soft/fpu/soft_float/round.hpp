// Rounding an exact result into a format, with overflow and underflow (SDM vol. 1, 4.8.4, 4.9.1.4
// to 4.9.1.6, 8.5.4 to 8.5.6).
#pragma once

#include "hypervisor/soft/fpu/soft_float/format.hpp"

namespace orrery::hypervisor::soft::soft_float {

// What happens to a finite result that overflows or underflows while that exception is unmasked: an
// x87 register gets it with the exponent moved by 24576; elsewhere nothing is stored and the value
// does not matter.
enum class Unmasked : std::uint8_t { kNothingStored, kBiased };

// Sign and fields of the packed value. `biased_up` is relative to the shape's minimum exponent: 0
// with a clear integer bit is a denormal.
struct Rounded {
  Kind kind = Kind::kZero;
  std::int32_t exponent = 0;      // of a normal; the minimum exponent for a denormal
  std::uint64_t significand = 0;  // integer bit in bit 63, clear for a denormal
};

Rounded round_finite(const Exact& value, const Shape& shape, Unmasked unmasked, Context& context);

// Whether a value with SIGN whose cut-off part is REMAINDER, of a unit worth UNIT (0 for none), is
// rounded away from zero. ODD is the lowest kept bit.
inline bool rounds_up(Rounding rounding, bool sign, bool odd, Uint128 remainder, Uint128 half) {
  switch (rounding) {
    case Rounding::kNearest: return remainder > half || (remainder == half && odd);
    case Rounding::kDown: return sign && remainder != 0;
    case Rounding::kUp: return !sign && remainder != 0;
    case Rounding::kTowardZero: return false;
  }
  return false;
}

// Packs VALUE with the significand's precision and exponents of SHAPE (which may have less
// precision than the format: x87 precision control).
template <typename Format>
typename Format::Bits pack(const Exact& value, Context& context,
                           const Shape& shape = Format::kShape) {
  const auto top = static_cast<std::uint64_t>(value.significand >> 64);
  switch (value.kind) {
    case Kind::kZero: return Format::assemble(value.sign, 0, 0);
    case Kind::kInfinity: return Format::assemble(value.sign, Format::kSpecial, kIntegerBit);
    case Kind::kFinite: break;
    default: return Format::assemble(value.sign, Format::kSpecial, top | kIntegerBit | kQuietBit);
  }
  constexpr Unmasked kUnmasked =
      kExplicitIntegerBit<Format> ? Unmasked::kBiased : Unmasked::kNothingStored;
  const Rounded rounded = round_finite(value, shape, kUnmasked, context);
  if (rounded.kind == Kind::kInfinity) {
    return Format::assemble(value.sign, Format::kSpecial, kIntegerBit);
  }
  if (rounded.kind == Kind::kZero) return Format::assemble(value.sign, 0, 0);
  const bool normal = (rounded.significand & kIntegerBit) != 0;
  return Format::assemble(value.sign, normal ? rounded.exponent + Format::kBias : 0,
                          rounded.significand);
}

}  // namespace orrery::hypervisor::soft::soft_float
