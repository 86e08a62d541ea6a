// Remainders, scaling and taking apart.
#include "hypervisor/soft/fpu/soft_float/remainder.hpp"

#include <algorithm>

#include "hypervisor/soft/fpu/soft_float/arithmetic.hpp"
#include "hypervisor/soft/fpu/soft_float/convert.hpp"

namespace orrery::hypervisor::soft::soft_float {

namespace {

// Bits of quotient that one partial reduction finds: between 32 and 63 below the distance of the
// exponents, so that the rest is a multiple of 32.
constexpr std::int32_t kFullReduction = 64;

struct Division {
  std::uint64_t quotient = 0;
  Uint128 rest = 0;
};

// BITS + 1 bits of the quotient of two significands, by subtraction and shifting.
Division divide_by_steps(std::uint64_t a, std::uint64_t b, std::int32_t bits) {
  Division division{0, a};
  for (std::int32_t n = bits;; --n) {
    division.quotient <<= 1;
    if (division.rest >= b) {
      division.rest -= b;
      division.quotient |= 1;
    }
    if (n == 0) return division;
    division.rest <<= 1;
  }
}

Exact from_rest(bool sign, std::int32_t exponent, Uint128 rest) {
  return rest == 0 ? exact_zero(sign) : normalized(sign, exponent + 64, rest);
}

Remainder finite_remainder(const Number& a, const Number& b, Quotient rounding) {
  const std::int32_t distance = a.exponent - b.exponent;
  if (distance < -1 || (distance < 0 && rounding == Quotient::kTruncated))
    return {exact(a), 0, false};
  if (distance >= kFullReduction) {
    const std::int32_t found = 32 + distance % 32;
    const Division division = divide_by_steps(a.significand, b.significand, found);
    return {from_rest(a.sign, a.exponent - found, division.rest), 0, true};
  }
  // In units of the last place of b; a half of one where a's exponent is the smaller.
  Division division{0, a.significand};
  std::int32_t exponent = a.exponent;
  Uint128 divisor = b.significand;
  if (distance >= 0) {
    division = divide_by_steps(a.significand, b.significand, distance);
    exponent = b.exponent;
  } else {
    divisor <<= 1;
  }
  bool sign = a.sign;
  if (rounding == Quotient::kNearest) {
    const Uint128 twice = division.rest << 1;
    if (twice > divisor || (twice == divisor && (division.quotient & 1) != 0)) {
      division.rest = divisor - division.rest;
      ++division.quotient;
      sign = !sign;
    }
  }
  if (division.rest == 0) sign = a.sign;
  return {from_rest(sign, exponent, division.rest), division.quotient, false};
}

}  // namespace

Remainder remainder(const Number& a, const Number& b, Quotient rounding, Context& context) {
  if (needs_nan(a) || needs_nan(b)) return {propagate_nan(a, b, context), 0, false};
  if (a.is_infinity() || b.is_zero()) return {invalid(context), 0, false};
  note_denormals(a, b, context);
  if (a.is_zero() || b.is_infinity()) return {exact(a), 0, false};
  return finite_remainder(a, b, rounding);
}

Exact scale(const Number& a, const Number& b, Context& context) {
  if (needs_nan(a) || needs_nan(b)) return propagate_nan(a, b, context);
  if (b.is_infinity()) {
    if (b.sign ? a.is_infinity() : a.is_zero()) return invalid(context);
    note_denormals(a, b, context);
    return b.sign ? exact_zero(a.sign) : exact_infinity(a.sign);
  }
  note_denormals(a, b, context);
  if (!a.is_finite()) return exact(a);
  // Beyond this any operand overflows or vanishes.
  constexpr Uint128 kFarthest = 0x10000;
  Context truncating;
  truncating.rounding = Rounding::kTowardZero;
  const auto distance =
      static_cast<std::int32_t>(std::min(round_magnitude(b, truncating).value, kFarthest));
  Exact result = exact(a);
  result.exponent += b.sign ? -distance : distance;
  return result;
}

Parts extract(const Number& a, Context& context) {
  if (needs_nan(a)) {
    const Exact nan = propagate_nan(a, a, context);
    return {nan, nan};
  }
  if (a.is_zero()) {
    context.raise(exception::kZeroDivide);
    return {exact_infinity(true), exact(a)};
  }
  note_denormals(a, a, context);
  if (a.is_infinity()) return {exact_infinity(false), exact(a)};
  Exact significand = exact(a);
  significand.exponent = 0;
  return {from_integer(a.exponent), significand};
}

}  // namespace orrery::hypervisor::soft::soft_float
