// Sine, cosine, tangent and arctangent.
#include <array>

#include "hypervisor/soft/fpu/soft_float/arithmetic.hpp"
#include "hypervisor/soft/fpu/soft_float/real.hpp"
#include "hypervisor/soft/fpu/soft_float/transcendental.hpp"

namespace orrery::hypervisor::soft::soft_float {

namespace {

constexpr Real kPi{false, 1, (Uint128{0xc90fdaa22168c234} << 64) | 0xc4c6628b80dc1cd1};

// Pi / 2 of 66 significant bits: kHalfPi66 / 2^67 (SDM vol. 1, 8.3.8).
constexpr Uint128 kHalfPi66 = (Uint128{0xc} << 64) | 0x90fdaa22168c234c;
constexpr int kHalfPiScale = 67;

// An argument brought to |rest| <= pi / 4, and the number of quarter turns taken away.
struct Reduced {
  Real rest;
  unsigned quadrant = 0;
};

Reduced reduce(const Number& x) {
  // In units of 2^-67 the magnitude is significand * 2^(exponent + 4).
  const std::int32_t doublings = x.exponent - 63 + kHalfPiScale;
  if (doublings < 0) return {Real::of(x), 0};
  Uint128 rest = x.significand;
  unsigned quotient = 0;
  for (std::int32_t n = 0; n < doublings; ++n) {
    rest <<= 1;
    quotient <<= 1;
    if (rest >= kHalfPi66) {
      rest -= kHalfPi66;
      quotient |= 1;
    }
  }
  bool sign = x.sign;
  if (rest > kHalfPi66 / 2) {
    rest = kHalfPi66 - rest;
    ++quotient;
    sign = !sign;
  }
  const unsigned quadrant = (x.sign ? 0 - quotient : quotient) & 3u;
  return {Real::scaled(sign, 127 - kHalfPiScale, rest), quadrant};
}

// 1 - x^2/(a(a+1)) (1 - x^2/((a+2)(a+3)) (...)): the series of sin(x)/x from a = 2, of cos(x) from
// a = 1. For |x| <= pi/4 twelve terms leave less than 2^-100.
Real alternating_series(const Real& x, std::uint64_t a) {
  constexpr std::uint64_t kTerms = 13;
  const Real square = x * x;
  Real sum = kRealOne;
  for (std::uint64_t n = kTerms; n-- != 0;) {
    const std::uint64_t first = a + 2 * n;
    sum = kRealOne - square * sum / (first * (first + 1));
  }
  return sum;
}

Real sine_of(const Real& x) {
  // Where the series is 1 to all bits, the value is still just below x.
  constexpr std::int32_t kTiny = -60;
  if (x.exponent < kTiny && !x.is_zero()) return {x.sign, x.exponent, x.significand - 1};
  return x * alternating_series(x, 2);
}
Real cosine_of(const Real& x) {
  constexpr std::int32_t kTiny = -60;
  if (x.exponent < kTiny) return {false, -1, ~Uint128{0}};
  return alternating_series(x, 1);
}

struct Pair {
  Real sine;
  Real cosine;
};

Pair sine_and_cosine(const Number& x) {
  const Reduced reduced = reduce(x);
  const Real sine = sine_of(reduced.rest);
  const Real cosine = cosine_of(reduced.rest);
  switch (reduced.quadrant) {
    case 0: return {sine, cosine};
    case 1: return {cosine, -sine};
    case 2: return {-sine, -cosine};
    default: return {-cosine, sine};
  }
}

// A value just below X in magnitude becomes normalized again.
Exact rounded_below(const Real& x) {
  return inexact(Real::scaled(x.sign, x.exponent, x.significand));
}

// The arctangents of 0/8 .. 8/8, each from the one before by the addition theorem.
Real arctangent_series(const Real& x) {
  // x - x^3/3 + x^5/5 ...: |x| <= 1/8 needs 17 terms for 2^-100.
  constexpr std::uint64_t kTerms = 18;
  const Real square = x * x;
  Real sum = kRealOne / (2 * kTerms + 1);
  for (std::uint64_t n = kTerms; n-- != 0;) sum = kRealOne / (2 * n + 1) - square * sum;
  return x * sum;
}

constexpr std::uint64_t kSteps = 8;

const std::array<Real, kSteps + 1>& arctangent_table() {
  static const std::array<Real, kSteps + 1> table = [] {
    std::array<Real, kSteps + 1> angles{};
    for (std::uint64_t k = 1; k <= kSteps; ++k) {
      const Real step = Real::integer(kSteps) / Real::integer(kSteps * kSteps + k * (k - 1));
      angles[k] = angles[k - 1] + arctangent_series(step);
    }
    return angles;
  }();
  return table;
}

// For 0 < t <= 1.
Real arctangent_of(const Real& t) {
  if (t.exponent < -60) return {false, t.exponent, t.significand - 1};
  // The nearest eighth below or at t.
  const std::int32_t shift = 127 - t.exponent;
  const auto step =
      static_cast<std::uint64_t>(shift - 3 > 127 ? Uint128{0} : t.significand >> (shift - 3));
  const Real base = Real::integer(step).times_power(-3);
  if (step == 0) return arctangent_series(t);
  const Real rest = (t - base) / (kRealOne + t * base);
  return rest.is_zero() ? arctangent_table()[step]
                        : arctangent_table()[step] + arctangent_series(rest);
}

Exact angle(bool sign, Real magnitude) {
  magnitude.sign = sign;
  return inexact(magnitude);
}

// Pi * quarters / 4.
Real quarters_of_pi(std::uint64_t quarters) {
  return (kPi * Real::integer(quarters)).times_power(-2);
}

}  // namespace

SineCosine sine_cosine(const Number& x, Context& context) {
  if (needs_nan(x)) {
    const Exact nan = propagate_nan(x, x, context);
    return {nan, nan};
  }
  if (x.is_infinity()) {
    const Exact nan = invalid(context);
    return {nan, nan};
  }
  if (x.is_zero()) return {exact(x), exact({Kind::kFinite, false, false, 0, kIntegerBit})};
  note_denormals(x, x, context);
  const Pair pair = sine_and_cosine(x);
  return {rounded_below(pair.sine), rounded_below(pair.cosine)};
}

Exact tangent(const Number& x, Context& context) {
  if (needs_nan(x)) return propagate_nan(x, x, context);
  if (x.is_infinity()) return invalid(context);
  if (x.is_zero()) return exact(x);
  note_denormals(x, x, context);
  if (x.exponent < -60) return inexact(Real::of(x));
  const Pair pair = sine_and_cosine(x);
  return inexact(pair.sine / pair.cosine);
}

Exact arctangent(const Number& y, const Number& x, Context& context) {
  if (needs_nan(y) || needs_nan(x)) return propagate_nan(x, y, context);
  note_denormals(y, x, context);
  if (y.is_infinity()) {
    return angle(y.sign, quarters_of_pi(!x.is_infinity() ? 2 : x.sign ? 3 : 1));
  }
  if (y.is_zero() || x.is_infinity()) {
    return x.sign ? angle(y.sign, kPi) : exact_zero(y.sign);
  }
  if (x.is_zero()) return angle(y.sign, quarters_of_pi(2));
  const Real a = Real::of(y).magnitude();
  const Real b = Real::of(x).magnitude();
  const bool steep = compare_magnitudes(a, b) > 0;
  Real result = arctangent_of(steep ? b / a : a / b);
  if (steep) result = quarters_of_pi(2) - result;
  if (x.sign) result = kPi - result;
  return angle(y.sign, Real::scaled(false, result.exponent, result.significand));
}

}  // namespace orrery::hypervisor::soft::soft_float
