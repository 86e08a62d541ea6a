// Between floating-point numbers and integers.
#include "hypervisor/soft/fpu/soft_float/convert.hpp"

#include "hypervisor/soft/fpu/soft_float/arithmetic.hpp"
#include "hypervisor/soft/fpu/soft_float/round.hpp"

namespace orrery::hypervisor::soft::soft_float {

Magnitude round_magnitude(const Number& value, Context& context) {
  if (!value.is_finite()) return {};
  if (value.exponent >= 64) return {Uint128{1} << 64, true};
  // The integral part above bit 64, the rest below.
  const Uint128 fixed = value.exponent == 63
                            ? Uint128{value.significand} << 64
                            : shift_right_sticky(Uint128{value.significand} << 64,
                                                 static_cast<std::uint32_t>(63 - value.exponent));
  const Uint128 rest = fixed & ~std::uint64_t{0};
  Uint128 integral = fixed >> 64;
  const bool up =
      rounds_up(context.rounding, value.sign, (integral & 1) != 0, rest, Uint128{1} << 63);
  if (up) ++integral;
  context.rounded_up = up;
  return {integral, rest == 0};
}

std::int64_t to_integer(const Number& value, unsigned bits, Context& context) {
  const Uint128 limit = Uint128{1} << (bits - 1);
  const auto indefinite_integer = static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(limit));
  const bool no_number = needs_nan(value) || value.is_infinity();
  const Magnitude magnitude = no_number ? Magnitude{} : round_magnitude(value, context);
  if (no_number || magnitude.value > limit || (magnitude.value == limit && !value.sign)) {
    context.rounded_up = false;
    context.raise(exception::kInvalid);
    return indefinite_integer;
  }
  if (!magnitude.exact) context.raise(exception::kPrecision);
  const auto integer = static_cast<std::uint64_t>(magnitude.value);
  return static_cast<std::int64_t>(value.sign ? 0 - integer : integer);
}

Exact from_integer(std::int64_t value) {
  if (value == 0) return exact_zero(false);
  const bool sign = value < 0;
  const auto magnitude =
      sign ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  return normalized(sign, 127, magnitude);
}

Exact round_to_integral(const Number& value, Inexact inexact, Context& context) {
  if (needs_nan(value)) return propagate_nan(value, value, context);
  if (!value.is_finite() || value.exponent >= 63) return exact(value);
  const Magnitude magnitude = round_magnitude(value, context);
  if (!magnitude.exact && inexact == Inexact::kRaised) context.raise(exception::kPrecision);
  if (magnitude.value == 0) return exact_zero(value.sign);
  return normalized(value.sign, 127, magnitude.value);
}

}  // namespace orrery::hypervisor::soft::soft_float
