// Powers of two and logarithms.
#include "hypervisor/soft/fpu/soft_float/arithmetic.hpp"
#include "hypervisor/soft/fpu/soft_float/real.hpp"
#include "hypervisor/soft/fpu/soft_float/transcendental.hpp"

namespace orrery::hypervisor::soft::soft_float {

namespace {

constexpr Real kLn2{false, -1, (Uint128{0xb17217f7d1cf79ab} << 64) | 0xc9e3b39803f2f6af};
constexpr Real kLog2OfE{false, 0, (Uint128{0xb8aa3b295c17f0bb} << 64) | 0xbe87fed0691d3e88};

// e^x - 1 = x (1 + x/2 (1 + x/3 (...))): |x| <= ln 2 needs 27 terms for 2^-100.
Real exponential_minus_one(const Real& x) {
  constexpr std::uint64_t kTerms = 28;
  Real sum = kRealOne;
  for (std::uint64_t n = kTerms; n > 1; --n) sum = kRealOne + x * sum / n;
  return x * sum;
}

// ln((1 + s) / (1 - s)) = 2 (s + s^3/3 + s^5/5 ...): |s| <= 0.172 needs 20 terms for 2^-100.
Real logarithm_of_quotient(const Real& s) {
  constexpr std::uint64_t kTerms = 21;
  const Real square = s * s;
  Real sum = kRealOne / (2 * kTerms + 1);
  for (std::uint64_t n = kTerms; n-- != 0;) sum = kRealOne / (2 * n + 1) + square * sum;
  return (s * sum).times_power(1);
}

// log2(x) for positive x, split as 2^k * m with m between sqrt(1/2) and sqrt(2).
Real log2_of(Real x) {
  constexpr Uint128 kSquareRootOfTwo = Uint128{0xb504f333f9de6484} << 64;
  std::int32_t k = x.exponent;
  x.exponent = 0;
  if (x.significand > kSquareRootOfTwo) {
    ++k;
    x.exponent = -1;
  }
  const Real logarithm = logarithm_of_quotient((x - kRealOne) / (x + kRealOne)) * kLog2OfE;
  Real whole = Real::integer(static_cast<std::uint64_t>(k < 0 ? -k : k));
  whole.sign = k < 0;
  return whole + logarithm;
}

// y times a logarithm, where one of them is zero or infinite. SIGN is the logarithm's.
Exact product_sign(const Number& y, bool sign, Kind logarithm, Context& context) {
  const bool zero_times_infinity = (y.is_zero() && logarithm == Kind::kInfinity) ||
                                   (y.is_infinity() && logarithm == Kind::kZero);
  if (zero_times_infinity) return invalid(context);
  const bool infinite = y.is_infinity() || logarithm == Kind::kInfinity;
  return infinite ? exact_infinity(y.sign != sign) : exact_zero(y.sign != sign);
}

Exact times(const Number& y, const Real& logarithm, Context& context) {
  if (!y.is_finite()) return product_sign(y, logarithm.sign, Kind::kFinite, context);
  return inexact(Real::of(y) * logarithm);
}

bool is_one(const Number& x) {
  return x.is_finite() && !x.sign && x.exponent == 0 && x.significand == kIntegerBit;
}

bool is_power_of_two(const Number& x) {
  return x.significand == kIntegerBit;
}

}  // namespace

Exact power_minus_one(const Number& x, Context& context) {
  if (needs_nan(x)) return propagate_nan(x, x, context);
  if (x.is_zero()) return exact(x);
  if (x.is_infinity())
    return x.sign ? exact({Kind::kFinite, true, false, 0, kIntegerBit}) : exact(x);
  note_denormals(x, x, context);
  const bool one = x.exponent == 0 && x.significand == kIntegerBit;
  if (x.exponent > 0 || (x.exponent == 0 && !one)) return exact(x);
  if (one) {
    Exact result = exact(x);  // 2^1 - 1 = 1, 2^-1 - 1 = -1/2
    result.exponent = x.sign ? -1 : 0;
    return result;
  }
  return inexact(exponential_minus_one(Real::of(x) * kLn2));
}

Exact logarithm(const Number& y, const Number& x, Context& context) {
  if (needs_nan(y) || needs_nan(x)) return propagate_nan(x, y, context);
  if (x.sign && !x.is_zero()) return invalid(context);
  if (x.is_zero()) {
    if (y.is_zero()) return invalid(context);
    if (y.is_finite()) context.raise(exception::kZeroDivide);
    return product_sign(y, true, Kind::kInfinity, context);
  }
  if (x.is_infinity() || is_one(x)) {
    const Kind kind = x.is_infinity() ? Kind::kInfinity : Kind::kZero;
    const Exact result = product_sign(y, false, kind, context);
    if (context.raised == 0) note_denormals(y, x, context);
    return result;
  }
  note_denormals(y, x, context);
  if (y.is_finite() && is_power_of_two(x)) {  // exact up to the product
    const auto k = static_cast<std::uint64_t>(x.exponent < 0 ? -x.exponent : x.exponent);
    Exact result =
        normalized(y.sign != (x.exponent < 0), y.exponent + 64, Uint128{y.significand} * k);
    return result;
  }
  return times(y, log2_of(Real::of(x)), context);
}

Exact logarithm_plus_one(const Number& y, const Number& x, Context& context) {
  if (needs_nan(y) || needs_nan(x)) return propagate_nan(x, y, context);
  const bool too_small = x.sign && !x.is_zero() && (x.is_infinity() || x.exponent >= 0);
  if (too_small) return invalid(context);
  if (!x.is_finite()) {
    const Exact result = product_sign(y, x.sign, x.kind, context);
    if (context.raised == 0) note_denormals(y, x, context);
    return result;
  }
  note_denormals(y, x, context);
  const Real value = Real::of(x);
  // Near 1 directly, so that x keeps all its bits: ln(1 + x) with s = x / (2 + x).
  if (x.exponent < -2) {
    const Real s = value / (Real::integer(2) + value);
    return times(y, logarithm_of_quotient(s) * kLog2OfE, context);
  }
  return times(y, log2_of(kRealOne + value), context);
}

}  // namespace orrery::hypervisor::soft::soft_float
