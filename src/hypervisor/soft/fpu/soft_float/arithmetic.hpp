// Addition, multiplication, division, square root and comparison of unpacked numbers. Results are
// exact up to a sticky bit; NaNs, invalid operations, division by zero and denormal operands are
// dealt with here (SDM vol. 1, 4.8.3.5 and 4.9).
#pragma once

#include "hypervisor/soft/fpu/soft_float/number.hpp"

namespace orrery::hypervisor::soft::soft_float {

Exact add(const Number& a, const Number& b, Context& context);
Exact subtract(const Number& a, const Number& b, Context& context);
Exact multiply(const Number& a, const Number& b, Context& context);
// a * b + c without rounding in between, with signs turned where NEGATED says so. Of several NaNs
// the first in the order a, b, c comes out.
struct Negated {
  bool product = false;
  bool addend = false;
};
Exact multiply_add(const Number& a, const Number& b, const Number& c, Negated negated,
                   Context& context);
Exact divide(const Number& a, const Number& b, Context& context);
Exact square_root(const Number& a, Context& context);
// A itself, with a denormal or signalling operand noted: conversion between formats.
Exact convert(const Number& a, Context& context);

enum class Order : std::uint8_t { kLess, kEqual, kGreater, kUnordered };

// Whether a quiet NaN is an invalid operand too (COMISS, FCOM) or not (UCOMISS, FUCOM).
enum class QuietNans : std::uint8_t { kInvalid, kAccepted };

Order compare(const Number& a, const Number& b, QuietNans quiet_nans, Context& context);

// The result where an operand is a NaN or unsupported; call it only then.
Exact propagate_nan(const Number& a, const Number& b, Context& context);
inline bool needs_nan(const Number& a) {
  return a.is_nan() || a.kind == Kind::kUnsupported;
}

inline void note_denormals(const Number& a, const Number& b, Context& context) {
  if (a.denormal || b.denormal) context.raise(exception::kDenormal);
}

}  // namespace orrery::hypervisor::soft::soft_float
