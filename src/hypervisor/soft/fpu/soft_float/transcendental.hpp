// The transcendental functions of the x87 unit (SDM vol. 1, 8.3.7 and 8.3.10; vol. 2A).
//
// Series in 128-bit arithmetic, rounded once: the error before rounding is below 2^-100, so results
// are within 0.5001 units in the last place of the double-extended format. Arguments of the
// trigonometric functions are reduced by the 66-bit approximation of pi that the architecture
// documents.
#pragma once

#include "hypervisor/soft/fpu/soft_float/number.hpp"

namespace orrery::hypervisor::soft::soft_float {

// Both from one reduction; the argument must be below 2^63 in magnitude, see trigonometric_range().
struct SineCosine {
  Exact sine;
  Exact cosine;
};
SineCosine sine_cosine(const Number& x, Context& context);
Exact tangent(const Number& x, Context& context);

// False for finite |x| of 2^63 or more, which FSIN and its kin leave alone and report in C2.
inline bool in_trigonometric_range(const Number& x) {
  return !x.is_finite() || x.exponent < 63;
}

// Angle of the point (x, y), in all four quadrants: FPATAN with y in ST(1), x in ST(0).
Exact arctangent(const Number& y, const Number& x, Context& context);

// 2^x - 1 for |x| up to 1; x itself beyond, where the architecture leaves it undefined.
Exact power_minus_one(const Number& x, Context& context);

// y * log2(x), and y * log2(x + 1)
Exact logarithm(const Number& y, const Number& x, Context& context);
Exact logarithm_plus_one(const Number& y, const Number& x, Context& context);

}  // namespace orrery::hypervisor::soft::soft_float
