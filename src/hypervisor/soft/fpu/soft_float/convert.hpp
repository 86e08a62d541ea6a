// Between floating-point numbers and integers (SDM vol. 1, 4.8.4.2, 11.5.2.1; vol. 2 under CVT..,
// FIST, ROUND..).
#pragma once

#include "hypervisor/soft/fpu/soft_float/number.hpp"

namespace orrery::hypervisor::soft::soft_float {

// VALUE as a signed integer of BITS (16, 32 or 64) bits, sign-extended; the integer indefinite
// (the most negative integer) and an invalid operation where it does not fit.
std::int64_t to_integer(const Number& value, unsigned bits, Context& context);

Exact from_integer(std::int64_t value);

// Whether rounding to an integral value tells of inexactness (ROUNDPS imm8 bit 3 suppresses it).
enum class Inexact : std::uint8_t { kRaised, kSuppressed };

Exact round_to_integral(const Number& value, Inexact inexact, Context& context);

// The integral magnitude of a finite number below 2^64, rounded; sets rounded_up and returns
// whether it is exact. Larger ones saturate at 2^64, a value of its own.
struct Magnitude {
  Uint128 value = 0;
  bool exact = true;
};
Magnitude round_magnitude(const Number& value, Context& context);

}  // namespace orrery::hypervisor::soft::soft_float
