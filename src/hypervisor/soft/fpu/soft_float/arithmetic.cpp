// Arithmetic on unpacked numbers.
#include "hypervisor/soft/fpu/soft_float/arithmetic.hpp"

#include <utility>

#include "hypervisor/soft/fpu/soft_float/integer_root.hpp"

namespace orrery::hypervisor::soft::soft_float {

namespace {

Number negated(Number number) {
  number.sign = !number.sign;
  return number;
}

Exact quieted(const Number& nan) {
  return {Kind::kQuietNan, nan.sign, 0, Uint128{nan.significand | kQuietBit} << 64};
}

const Number& chosen_nan(const Number& a, const Number& b, NanRule rule) {
  if (!b.is_nan()) return a;
  if (!a.is_nan()) return b;
  if (rule == NanRule::kFirst) return a;
  if (a.kind != b.kind) return a.kind == Kind::kQuietNan ? a : b;
  if (a.significand != b.significand) return a.significand > b.significand ? a : b;
  return a.sign ? b : a;
}

// |a| + |b| for finite numbers with a's exponent not the smaller.
Exact add_magnitudes(const Number& a, const Number& b) {
  const auto distance = static_cast<std::uint32_t>(a.exponent - b.exponent);
  const Uint128 sum =
      (Uint128{a.significand} << 63) + shift_right_sticky(Uint128{b.significand} << 63, distance);
  return normalized(a.sign, a.exponent + 1, sum);
}

// |a| - |b| for finite numbers with |a| > |b|. The 64 bits below the significands keep the sticky
// bit far from the result's.
Exact subtract_magnitudes(const Number& a, const Number& b) {
  const auto distance = static_cast<std::uint32_t>(a.exponent - b.exponent);
  const Uint128 difference =
      (Uint128{a.significand} << 64) - shift_right_sticky(Uint128{b.significand} << 64, distance);
  return normalized(a.sign, a.exponent, difference);
}

int compare_magnitudes(const Number& a, const Number& b) {
  const auto rank = [](const Number& n) { return n.is_infinity() ? 2 : n.is_finite() ? 1 : 0; };
  if (rank(a) != rank(b)) return rank(a) < rank(b) ? -1 : 1;
  if (!a.is_finite()) return 0;
  if (a.exponent != b.exponent) return a.exponent < b.exponent ? -1 : 1;
  if (a.significand != b.significand) return a.significand < b.significand ? -1 : 1;
  return 0;
}

Exact zero_sum(bool a, bool b, const Context& context) {
  return exact_zero(a == b ? a : context.rounding == Rounding::kDown);
}
Exact zero_sum(const Number& a, const Number& b, const Context& context) {
  return zero_sum(a.sign, b.sign, context);
}

// Finite values with at least 20 zero bits at their ends (products of binary64 numbers have them),
// so that what a shift cuts off lies far below where the difference is rounded.
Exact add_finite(const Exact& a, const Exact& b, const Context& context) {
  const bool ordered =
      a.exponent != b.exponent ? a.exponent > b.exponent : a.significand >= b.significand;
  const Exact& larger = ordered ? a : b;
  const Exact& smaller = ordered ? b : a;
  const auto distance = static_cast<std::uint32_t>(larger.exponent - smaller.exponent);
  const Uint128 moved = shift_right_sticky(smaller.significand, distance);
  if (a.sign == b.sign) {
    const Uint128 sum = (larger.significand >> 1) + shift_right_sticky(moved, 1);
    return normalized(a.sign, larger.exponent + 1, sum);
  }
  if (larger.significand == moved) return zero_sum(a.sign, b.sign, context);
  return normalized(larger.sign, larger.exponent, larger.significand - moved);
}

// Of three operands.
Exact propagate_nan(const Number& a, const Number& b, const Number& c, Context& context) {
  for (const Number* operand : {&a, &b, &c}) {
    if (operand->kind == Kind::kSignallingNan) context.raise(exception::kInvalid);
  }
  return quieted(a.is_nan() ? a : b.is_nan() ? b : c);
}

}  // namespace

Exact propagate_nan(const Number& a, const Number& b, Context& context) {
  if (a.kind == Kind::kUnsupported || b.kind == Kind::kUnsupported) return invalid(context);
  if (a.kind == Kind::kSignallingNan || b.kind == Kind::kSignallingNan) {
    context.raise(exception::kInvalid);
  }
  return quieted(chosen_nan(a, b, context.nan_rule));
}

Exact add(const Number& a, const Number& b, Context& context) {
  if (needs_nan(a) || needs_nan(b)) return propagate_nan(a, b, context);
  if (a.is_infinity() && b.is_infinity() && a.sign != b.sign) return invalid(context);
  note_denormals(a, b, context);
  if (a.is_infinity() || b.is_infinity()) return exact_infinity(a.is_infinity() ? a.sign : b.sign);
  if (a.is_zero() && b.is_zero()) return zero_sum(a, b, context);
  if (b.is_zero()) return exact(a);
  if (a.is_zero()) return exact(b);
  const int order = compare_magnitudes(a, b);
  const Number& larger = order < 0 ? b : a;
  const Number& smaller = order < 0 ? a : b;
  if (a.sign == b.sign) return add_magnitudes(larger, smaller);
  return order == 0 ? zero_sum(a, b, context) : subtract_magnitudes(larger, smaller);
}

Exact subtract(const Number& a, const Number& b, Context& context) {
  // A NaN keeps its sign.
  if (needs_nan(a) || needs_nan(b)) return propagate_nan(a, b, context);
  return add(a, negated(b), context);
}

Exact multiply(const Number& a, const Number& b, Context& context) {
  if (needs_nan(a) || needs_nan(b)) return propagate_nan(a, b, context);
  if ((a.is_infinity() && b.is_zero()) || (a.is_zero() && b.is_infinity())) return invalid(context);
  note_denormals(a, b, context);
  const bool sign = a.sign != b.sign;
  if (a.is_infinity() || b.is_infinity()) return exact_infinity(sign);
  if (a.is_zero() || b.is_zero()) return exact_zero(sign);
  return normalized(sign, a.exponent + b.exponent + 1, Uint128{a.significand} * b.significand);
}

Exact multiply_add(const Number& a, const Number& b, const Number& c, Negated negated,
                   Context& context) {
  if (needs_nan(a) || needs_nan(b) || needs_nan(c)) return propagate_nan(a, b, c, context);
  const bool product_sign = (a.sign != b.sign) != negated.product;
  const bool addend_sign = c.sign != negated.addend;
  const bool infinite = a.is_infinity() || b.is_infinity();
  if (infinite && (a.is_zero() || b.is_zero())) return invalid(context);
  if (infinite && c.is_infinity() && product_sign != addend_sign) return invalid(context);
  note_denormals(a, b, context);
  note_denormals(c, c, context);
  if (infinite) return exact_infinity(product_sign);
  if (c.is_infinity()) return exact_infinity(addend_sign);
  Exact addend = exact(c);
  addend.sign = addend_sign;
  if (a.is_zero() || b.is_zero()) {
    return c.is_zero() ? zero_sum(product_sign, addend_sign, context) : addend;
  }
  const Exact product =
      normalized(product_sign, a.exponent + b.exponent + 1, Uint128{a.significand} * b.significand);
  return c.is_zero() ? product : add_finite(product, addend, context);
}

Exact divide(const Number& a, const Number& b, Context& context) {
  if (needs_nan(a) || needs_nan(b)) return propagate_nan(a, b, context);
  const bool sign = a.sign != b.sign;
  if (a.is_infinity() && b.is_infinity()) return invalid(context);
  if (a.is_zero() && b.is_zero()) return invalid(context);
  if (b.is_zero() && a.is_finite()) {
    context.raise(exception::kZeroDivide);
    return exact_infinity(sign);
  }
  note_denormals(a, b, context);
  if (a.is_infinity()) return exact_infinity(sign);
  if (a.is_zero() || b.is_infinity()) return exact_zero(sign);
  // Two digits of 64 bits each; the dividend is placed so that the first has its top bit set.
  const bool smaller = a.significand < b.significand;
  const Uint128 dividend = Uint128{a.significand} << (smaller ? 64 : 63);
  const Uint128 high = dividend / b.significand;
  const Uint128 rest = (dividend % b.significand) << 64;
  const Uint128 low = rest / b.significand;
  const bool sticky = rest % b.significand != 0;
  return {Kind::kFinite, sign, a.exponent - b.exponent - (smaller ? 1 : 0),
          (high << 64) | low | (sticky ? 1 : 0)};
}

Exact square_root(const Number& a, Context& context) {
  if (needs_nan(a)) return propagate_nan(a, a, context);
  if (a.is_zero()) return exact_zero(a.sign);
  if (a.sign) return invalid(context);
  note_denormals(a, a, context);
  if (a.is_infinity()) return exact_infinity(false);
  // a = radicand / 2^126 * 2^(2 * half), radicand in [2^126, 2^128)
  const std::int32_t half = a.exponent >> 1;
  const Uint128 radicand = Uint128{a.significand} << ((a.exponent & 1) != 0 ? 64 : 63);
  const std::uint64_t root = integer_root(radicand);
  const Uint128 rest = radicand - Uint128{root} * root;
  // (root + 1/2)^2 = root^2 + root + 1/4: the rest tells on which side of the half the root lies.
  const std::uint64_t below = rest == 0 ? 0 : rest > root ? kIntegerBit | 1 : 1;
  return {Kind::kFinite, false, half, (Uint128{root} << 64) | below};
}

Exact convert(const Number& a, Context& context) {
  if (needs_nan(a)) return propagate_nan(a, a, context);
  note_denormals(a, a, context);
  return exact(a);
}

Order compare(const Number& a, const Number& b, QuietNans quiet_nans, Context& context) {
  if (needs_nan(a) || needs_nan(b)) {
    const bool only_quiet = (a.kind == Kind::kQuietNan || !needs_nan(a)) &&
                            (b.kind == Kind::kQuietNan || !needs_nan(b));
    if (!only_quiet || quiet_nans == QuietNans::kInvalid) context.raise(exception::kInvalid);
    return Order::kUnordered;
  }
  note_denormals(a, b, context);
  if (a.is_zero() && b.is_zero()) return Order::kEqual;
  if (a.sign != b.sign) return a.sign ? Order::kLess : Order::kGreater;
  const int order = compare_magnitudes(a, b);
  if (order == 0) return Order::kEqual;
  return (order < 0) != a.sign ? Order::kLess : Order::kGreater;
}

}  // namespace orrery::hypervisor::soft::soft_float
