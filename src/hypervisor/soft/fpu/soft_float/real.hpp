// Finite numbers with 128 bits of significand, truncated: enough room for results of 64 bits to
// come out within one unit in the last place. For the transcendental functions only.
#pragma once

#include "hypervisor/soft/fpu/soft_float/number.hpp"

namespace orrery::hypervisor::soft::soft_float {

// significand / 2^127 * 2^exponent with bit 127 set, or zero.
struct Real {
  bool sign = false;
  std::int32_t exponent = 0;
  Uint128 significand = 0;

  bool is_zero() const { return significand == 0; }

  static Real of(const Number& number) {
    return {number.sign, number.exponent, Uint128{number.significand} << 64};
  }
  static Real integer(std::uint64_t value) { return scaled(false, 127, value); }
  // significand / 2^127 * 2^exponent for any significand.
  static Real scaled(bool sign, std::int32_t exponent, Uint128 significand) {
    if (significand == 0) return {};
    const Exact exact = normalized(sign, exponent, significand);
    return {sign, exact.exponent, exact.significand};
  }

  Real operator-() const { return {!sign, exponent, significand}; }
  Real times_power(std::int32_t power) const { return {sign, exponent + power, significand}; }
  Real magnitude() const { return {false, exponent, significand}; }
};

Real operator+(const Real& a, const Real& b);
inline Real operator-(const Real& a, const Real& b) {
  return a + -b;
}
Real operator*(const Real& a, const Real& b);
Real operator/(const Real& a, const Real& b);
Real operator/(const Real& a, std::uint64_t divisor);

// -1, 0 or 1 for |a| below, at or above |b|.
int compare_magnitudes(const Real& a, const Real& b);

inline const Real kRealOne{false, 0, Uint128{kIntegerBit} << 64};

// As a result to be rounded; what was truncated makes it inexact.
inline Exact inexact(const Real& value) {
  if (value.is_zero()) return exact_zero(value.sign);
  return {Kind::kFinite, value.sign, value.exponent, value.significand | 1};
}

}  // namespace orrery::hypervisor::soft::soft_float
