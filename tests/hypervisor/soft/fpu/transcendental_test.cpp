// The transcendental functions: their error against libquadmath's 113 bits, and special operands
// against the host's x87 unit.
#include "hypervisor/soft/fpu/soft_float/transcendental.hpp"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>

#include <gtest/gtest.h>
#include <quadmath.h>

#include "hypervisor/soft/fpu/operands.hpp"
#include "hypervisor/soft/fpu/soft_float/round.hpp"

namespace orrery::hypervisor::soft::soft_float::test {
namespace {

constexpr int kCases = 40'000;
// In units of the last place; 0.5 is what rounding alone costs.
constexpr double kBound = 0.501;

long double to_host(const x86::Float80& value) {
  long double result = 0;
  std::memcpy(&result, &value.significand, 8);
  std::memcpy(reinterpret_cast<char*>(&result) + 8, &value.sign_exponent, 2);
  return result;
}
x86::Float80 from_host(long double value) {
  x86::Float80 result;
  std::memcpy(&result.significand, &value, 8);
  std::memcpy(&result.sign_exponent, reinterpret_cast<const char*>(&value) + 8, 2);
  return result;
}

// A number whose binary exponent lies between LOW and HIGH.
long double random_number(Random& random, int low, int high) {
  const auto significand = static_cast<long double>(random() | kIntegerBit);
  const int exponent = low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
  const long double value = std::ldexp(significand, exponent - 63);
  return (random() & 1) != 0 ? -value : value;
}

// |ours - truth| in units of the last place of truth.
double error_of(long double ours, __float128 truth) {
  int exponent = 0;
  frexpq(truth, &exponent);
  const int last_place = std::max(exponent, -16381) - 64;
  return std::fabs(static_cast<double>(ldexpq(static_cast<__float128>(ours) - truth, -last_place)));
}

using Ours = Exact (*)(const Number& y, const Number& x, Context& context);
using Truth = __float128 (*)(long double y, long double x);

struct Range {
  int low;
  int high;
};

void check_error(std::uint64_t seed, Ours ours, Truth truth, Range y_range, Range x_range,
                 bool positive_x = false) {
  Random random = seeded(seed);
  double worst = 0;
  for (int n = 0; n < kCases; ++n) {
    const long double y = random_number(random, y_range.low, y_range.high);
    long double x = random_number(random, x_range.low, x_range.high);
    if (positive_x) x = std::fabs(x);
    Context context;
    const Exact value =
        ours(unpack<Extended>(from_host(y)), unpack<Extended>(from_host(x)), context);
    const double error = error_of(to_host(pack<Extended>(value, context)), truth(y, x));
    worst = std::max(worst, error);
    ASSERT_LT(error, kBound) << "case " << n << " y " << y << " x " << x;
  }
  std::printf("worst error %.6f units in the last place\n", worst);
}

// Reduction by the 66-bit pi, exactly: the remainder of IEEE 754 has no rounding.
struct Turned {
  __float128 rest;
  unsigned quadrant;
};
Turned reduce(long double x) {
  const __float128 half_pi = ldexpq(0x0.c90fdaa22168c234cp1Q, 0);
  int quotient = 0;
  const __float128 rest = remquoq(x, half_pi, &quotient);
  return {rest, static_cast<unsigned>(quotient) & 3u};
}
__float128 true_sine(long double, long double x) {
  const Turned turned = reduce(x);
  const __float128 value = (turned.quadrant & 1) != 0 ? cosq(turned.rest) : sinq(turned.rest);
  return (turned.quadrant & 2) != 0 ? -value : value;
}
__float128 true_cosine(long double, long double x) {
  const Turned turned = reduce(x);
  const __float128 value = (turned.quadrant & 1) != 0 ? sinq(turned.rest) : cosq(turned.rest);
  return turned.quadrant == 1 || turned.quadrant == 2 ? -value : value;
}
__float128 true_tangent(long double y, long double x) {
  return true_sine(y, x) / true_cosine(y, x);
}

Exact our_sine(const Number&, const Number& x, Context& context) {
  return sine_cosine(x, context).sine;
}
Exact our_cosine(const Number&, const Number& x, Context& context) {
  return sine_cosine(x, context).cosine;
}
Exact our_tangent(const Number&, const Number& x, Context& context) {
  return tangent(x, context);
}
Exact our_power(const Number&, const Number& x, Context& context) {
  return power_minus_one(x, context);
}

constexpr Range kSmall{-70, 1};
constexpr Range kWide{-70, 62};

TEST(TranscendentalError, Sine) {
  check_error(1, our_sine, true_sine, kSmall, kWide);
}
TEST(TranscendentalError, Cosine) {
  check_error(2, our_cosine, true_cosine, kSmall, kWide);
}
TEST(TranscendentalError, Tangent) {
  check_error(3, our_tangent, true_tangent, kSmall, kWide);
}
TEST(TranscendentalError, Arctangent) {
  const Truth truth = [](long double y, long double x) { return atan2q(y, x); };
  check_error(4, arctangent, truth, {-5, 5}, {-5, 5});
  check_error(5, arctangent, truth, {-90, 90}, {-90, 90});
}
TEST(TranscendentalError, PowerMinusOne) {
  const Truth truth = [](long double, long double x) {
    return expm1q(static_cast<__float128>(x) * M_LN2q);
  };
  check_error(6, our_power, truth, kSmall, {-70, -1});
}
TEST(TranscendentalError, Logarithm) {
  const Truth truth = [](long double y, long double x) {
    return static_cast<__float128>(y) * (logq(x) / M_LN2q);
  };
  check_error(7, logarithm, truth, kSmall, {-1000, 1000}, true);
  check_error(8, logarithm, truth, kSmall, {-2, 1}, true);
}
TEST(TranscendentalError, LogarithmPlusOne) {
  const Truth truth = [](long double y, long double x) {
    return static_cast<__float128>(y) * (log1pq(x) / M_LN2q);
  };
  check_error(9, logarithm_plus_one, truth, kSmall, {-70, -3});
}

// ---- Special operands against the host

struct Outcome {
  x86::Float80 value;
  unsigned flags = 0;
};

// y in ST(1), x in ST(0).
#define HOST(NAME, TEXT)                                                                 \
  Outcome NAME(const x86::Float80& y, const x86::Float80& x) {                           \
    const long double a = to_host(y);                                                    \
    const long double b = to_host(x);                                                    \
    long double out = 0;                                                                 \
    std::uint16_t after = 0;                                                             \
    asm volatile("fninit\n fldt %[y]\n fldt %[x]\n" TEXT                                 \
                 "\n fnstsw %[after]\n fstpt %[out]\n fninit"                            \
                 : [out] "=m"(out), [after] "=m"(after)                                  \
                 : [x] "m"(b), [y] "m"(a)                                                \
                 : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"); \
    return {from_host(out), after & 0x3fu};                                              \
  }
HOST(host_sine, "fsin")
HOST(host_cosine, "fcos")
HOST(host_tangent, "fptan\n fstp %%st(0)")
HOST(host_arctangent, "fpatan")
HOST(host_power, "f2xm1")
HOST(host_logarithm, "fyl2x")
HOST(host_logarithm_plus_one, "fyl2xp1")
#undef HOST

x86::Float80 special_operand(Random& random) {
  switch (random() % 4) {
    case 0: return Extended::assemble((random() & 1) != 0, 0, 0);
    case 1: return Extended::assemble((random() & 1) != 0, Extended::kBias, kIntegerBit);
    default: return random_operand<Extended>(random);
  }
}

bool is_special(const x86::Float80& value) {
  const Number number = unpack<Extended>(value);
  return !number.is_finite() || (number.exponent == 0 && number.significand == kIntegerBit);
}

// How many double-extended numbers apart two values of one sign are.
std::uint64_t steps_between(const x86::Float80& a, const x86::Float80& b) {
  if ((a.sign_exponent ^ b.sign_exponent) >> 15 != 0) return ~std::uint64_t{0};
  const auto place = [](const x86::Float80& value) {
    return (Uint128{value.sign_exponent} << 63) + (value.significand & ~kIntegerBit);
  };
  const Uint128 distance = place(a) > place(b) ? place(a) - place(b) : place(b) - place(a);
  return static_cast<std::uint64_t>(distance > 1000 ? 1000 : distance);
}

// Both NaN, infinite or zero alike, or near each other; the same invalid and divide-by-zero flags.
void compare_specials(std::uint64_t seed, Ours ours,
                      Outcome (*host)(const x86::Float80&, const x86::Float80&),
                      bool (*defined)(const Number& y, const Number& x)) {
  Random random = seeded(seed);
  for (int n = 0; n < kCases; ++n) {
    const x86::Float80 y = special_operand(random);
    const x86::Float80 x = special_operand(random);
    const Number b = unpack<Extended>(x);
    if (!(is_special(y) || is_special(x)) || !defined(unpack<Extended>(y), b)) continue;
    Context context;
    context.nan_rule = NanRule::kLargerSignificand;
    const Exact value = ours(unpack<Extended>(y), b, context);
    const x86::Float80 result = pack<Extended>(value, context);
    const Outcome theirs = host(y, x);
    constexpr unsigned kFlags = exception::kInvalid | exception::kZeroDivide | exception::kDenormal;
    const bool near = steps_between(result, theirs.value) <= 2;
    ASSERT_TRUE(near && (context.raised & kFlags) == (theirs.flags & kFlags))
        << std::hex << "case " << n << " y " << y.sign_exponent << ":" << y.significand << " x "
        << x.sign_exponent << ":" << x.significand << "\nours   " << result.sign_exponent << ":"
        << result.significand << " flags " << int{context.raised} << "\nhost's "
        << theirs.value.sign_exponent << ":" << theirs.value.significand << " flags "
        << theirs.flags;
  }
}

bool always(const Number&, const Number&) {
  return true;
}
bool trigonometric(const Number&, const Number& x) {
  return in_trigonometric_range(x);
}
bool up_to_one(const Number&, const Number& x) {
  return !x.is_finite() || x.exponent < 0 || (x.exponent == 0 && x.significand == kIntegerBit);
}
bool below_a_quarter(const Number&, const Number& x) {
  return !x.is_finite() || x.exponent < -2;
}

TEST(TranscendentalSpecials, Trigonometric) {
  compare_specials(11, our_sine, host_sine, trigonometric);
  compare_specials(12, our_cosine, host_cosine, trigonometric);
  compare_specials(13, our_tangent, host_tangent, trigonometric);
}
TEST(TranscendentalSpecials, Arctangent) {
  compare_specials(14, arctangent, host_arctangent, always);
}
TEST(TranscendentalSpecials, PowerMinusOne) {
  compare_specials(15, our_power, host_power, up_to_one);
}
TEST(TranscendentalSpecials, Logarithm) {
  compare_specials(16, logarithm, host_logarithm, always);
}
TEST(TranscendentalSpecials, LogarithmPlusOne) {
  compare_specials(17, logarithm_plus_one, host_logarithm_plus_one, below_a_quarter);
}

}  // namespace
}  // namespace orrery::hypervisor::soft::soft_float::test
