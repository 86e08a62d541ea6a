// FPREM, FPREM1, FSCALE and FXTRACT of unpacked numbers (SDM vol. 2A).
#pragma once

#include "hypervisor/soft/fpu/soft_float/number.hpp"

namespace orrery::hypervisor::soft::soft_float {

// How the quotient becomes an integer: FPREM truncates, FPREM1 rounds to nearest, ties to even.
enum class Quotient : std::uint8_t { kTruncated, kNearest };

struct Remainder {
  Exact value;
  std::uint64_t quotient = 0;  // low bits
  bool partial = false;        // only reduced: do it again
};

Remainder remainder(const Number& a, const Number& b, Quotient rounding, Context& context);

// a * 2^trunc(b)
Exact scale(const Number& a, const Number& b, Context& context);

struct Parts {
  Exact exponent;
  Exact significand;
};
Parts extract(const Number& a, Context& context);

}  // namespace orrery::hypervisor::soft::soft_float
