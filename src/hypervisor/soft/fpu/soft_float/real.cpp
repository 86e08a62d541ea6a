// Arithmetic with 128 bits of significand.
#include "hypervisor/soft/fpu/soft_float/real.hpp"

namespace orrery::hypervisor::soft::soft_float {

namespace {

// The upper 128 bits of a product of two 128-bit integers.
Uint128 high_product(Uint128 a, Uint128 b) {
  const auto a0 = static_cast<std::uint64_t>(a);
  const auto a1 = static_cast<std::uint64_t>(a >> 64);
  const auto b0 = static_cast<std::uint64_t>(b);
  const auto b1 = static_cast<std::uint64_t>(b >> 64);
  const Uint128 middle1 = Uint128{a1} * b0;
  const Uint128 middle2 = Uint128{a0} * b1;
  const Uint128 carries = ((Uint128{a0} * b0) >> 64) + static_cast<std::uint64_t>(middle1) +
                          static_cast<std::uint64_t>(middle2);
  return Uint128{a1} * b1 + (middle1 >> 64) + (middle2 >> 64) + (carries >> 64);
}

Uint128 shifted_right(Uint128 value, std::int32_t count) {
  return count > 127 ? 0 : value >> count;
}

}  // namespace

int compare_magnitudes(const Real& a, const Real& b) {
  if (a.is_zero() || b.is_zero()) return (a.is_zero() ? 0 : 1) - (b.is_zero() ? 0 : 1);
  if (a.exponent != b.exponent) return a.exponent < b.exponent ? -1 : 1;
  if (a.significand != b.significand) return a.significand < b.significand ? -1 : 1;
  return 0;
}

Real operator+(const Real& a, const Real& b) {
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  const int order = compare_magnitudes(a, b);
  const Real& larger = order < 0 ? b : a;
  const Real& smaller = order < 0 ? a : b;
  const std::int32_t distance = larger.exponent - smaller.exponent;
  if (a.sign == b.sign) {
    const Uint128 sum =
        (larger.significand >> 1) + shifted_right(smaller.significand >> 1, distance);
    return Real::scaled(larger.sign, larger.exponent + 1, sum);
  }
  return Real::scaled(larger.sign, larger.exponent,
                      larger.significand - shifted_right(smaller.significand, distance));
}

Real operator*(const Real& a, const Real& b) {
  if (a.is_zero() || b.is_zero()) return {};
  return Real::scaled(a.sign != b.sign, a.exponent + b.exponent + 1,
                      high_product(a.significand, b.significand));
}

Real operator/(const Real& a, std::uint64_t divisor) {
  return Real::scaled(a.sign, a.exponent, a.significand / divisor);
}

// By the divisor's reciprocal: 63 bits from an integer division, doubled by one Newton step.
Real operator/(const Real& a, const Real& b) {
  const auto top = static_cast<std::uint64_t>(b.significand >> 64);
  const Uint128 quotient = ~Uint128{0} / top;  // about 2^128 / top, of 64 or 65 bits
  const Real guess = Real::scaled(b.sign, 62 - b.exponent, quotient);
  const Real error = kRealOne - guess * b;
  const Real reciprocal = guess + guess * error;
  return a * reciprocal;
}

}  // namespace orrery::hypervisor::soft::soft_float
