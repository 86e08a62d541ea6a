// Rounding, overflow and underflow.
#include "hypervisor/soft/fpu/soft_float/round.hpp"

namespace orrery::hypervisor::soft::soft_float {

namespace {

// By how much an unmasked overflow or underflow moves the exponent of a double-extended result.
constexpr std::int32_t kExponentAdjustment = 24576;

struct Cut {
  Uint128 significand = 0;  // at bit 127; carried out when that bit is clear after rounding up
  bool carry = false;
  bool inexact = false;
  bool up = false;
};

// Keeps the top PRECISION (0 to 64) bits.
Cut cut(Uint128 significand, bool sign, int precision, Rounding rounding) {
  Cut result;
  const Uint128 unit = precision == 0 ? Uint128{0} : Uint128{1} << (128 - precision);
  const Uint128 remainder = significand & (unit - 1);  // all of it for precision 0
  const Uint128 half = precision == 0 ? Uint128{1} << 127 : unit >> 1;
  result.significand = significand - remainder;
  result.inexact = remainder != 0;
  result.up = rounds_up(rounding, sign, (significand & unit) != 0, remainder, half);
  if (result.up) {
    result.significand += unit;
    result.carry = result.significand == 0;  // all ones became a power of two
  }
  return result;
}

void note(const Cut& cut, Context& context) {
  if (cut.inexact) context.raise(exception::kPrecision);
  context.rounded_up = cut.up;
}

Rounded normal(const Cut& cut, std::int32_t exponent) {
  if (cut.carry) return {Kind::kFinite, exponent + 1, kIntegerBit};
  return {Kind::kFinite, exponent, static_cast<std::uint64_t>(cut.significand >> 64)};
}

Rounded overflowed(bool sign, const Shape& shape, Context& context) {
  context.raise(exception::kOverflow | exception::kPrecision);
  const Rounding rounding = context.rounding;
  const bool to_infinity =
      rounding == Rounding::kNearest || rounding == (sign ? Rounding::kDown : Rounding::kUp);
  context.rounded_up = to_infinity;
  if (to_infinity) return {Kind::kInfinity, 0, 0};
  return {Kind::kFinite, shape.maximum_exponent, ~std::uint64_t{0} << (64 - shape.precision)};
}

// Below the normal range: fewer bits of precision remain, possibly none.
Rounded denormalized(const Exact& value, const Shape& shape, bool tiny, Context& context) {
  const int distance = shape.minimum_exponent - value.exponent;
  const int kept = shape.precision - distance;
  const Uint128 significand =
      kept >= 0 ? value.significand
                : shift_right_sticky(value.significand, static_cast<std::uint32_t>(-kept));
  const Cut result = cut(significand, value.sign, kept >= 0 ? kept : 0, context.rounding);
  note(result, context);
  if (tiny && result.inexact) context.raise(exception::kUnderflow);
  // Brought to its place below the integer bit; rounding up may have made it the smallest normal.
  std::uint64_t placed = 0;
  if (kept <= 0) {
    placed = result.up ? std::uint64_t{1} << (64 - shape.precision) : 0;
  } else if (result.carry) {
    placed = std::uint64_t{1} << (64 - distance);
  } else {
    placed = static_cast<std::uint64_t>(result.significand >> 64) >> distance;
  }
  return {placed == 0 ? Kind::kZero : Kind::kFinite, shape.minimum_exponent, placed};
}

bool in_range(std::int32_t exponent, const Shape& shape) {
  return exponent >= shape.minimum_exponent && exponent <= shape.maximum_exponent;
}

}  // namespace

Rounded round_finite(const Exact& value, const Shape& shape, Unmasked unmasked, Context& context) {
  const Cut full = cut(value.significand, value.sign, shape.precision, context.rounding);
  const std::int32_t exponent = value.exponent + (full.carry ? 1 : 0);
  if (value.exponent >= shape.minimum_exponent && exponent <= shape.maximum_exponent) [[likely]] {
    note(full, context);
    return normal(full, value.exponent);
  }

  const bool over = exponent > shape.maximum_exponent;
  const bool tiny = exponent < shape.minimum_exponent;  // after rounding, as x86 detects it
  const std::uint8_t kind = over ? exception::kOverflow : exception::kUnderflow;
  if ((over || tiny) && context.unmasked(kind)) {
    const std::int32_t moved = value.exponent + (over ? -kExponentAdjustment : kExponentAdjustment);
    if (unmasked == Unmasked::kNothingStored || in_range(moved + 1, shape)) {
      context.raise(kind);
      note(full, context);
      return normal(full, moved);
    }
    // Too far even for that (FSCALE): an infinity or a zero (SDM vol. 1, 8.5.4 and 8.5.5).
    context.raise(kind | exception::kPrecision);
    context.rounded_up = over;
    return {over ? Kind::kInfinity : Kind::kZero, 0, 0};
  }
  if (over) return overflowed(value.sign, shape, context);
  if (tiny && context.flush_to_zero && !context.unmasked(exception::kUnderflow)) {
    context.raise(exception::kUnderflow | exception::kPrecision);
    return {};
  }
  return denormalized(value, shape, tiny, context);
}

}  // namespace orrery::hypervisor::soft::soft_float
