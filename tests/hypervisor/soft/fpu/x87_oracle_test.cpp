// The soft-float against the host's x87 unit: results, exception flags and condition bits, in all
// rounding modes and precisions, all exceptions masked.
#include <cstdio>

#include <gtest/gtest.h>

#include "hypervisor/soft/fpu/operands.hpp"
#include "hypervisor/soft/fpu/soft_float/arithmetic.hpp"
#include "hypervisor/soft/fpu/soft_float/convert.hpp"
#include "hypervisor/soft/fpu/soft_float/remainder.hpp"
#include "hypervisor/soft/fpu/soft_float/round.hpp"

namespace orrery::hypervisor::soft::soft_float::test {
namespace {

constexpr int kCases = 300'000;
constexpr std::uint16_t kC0 = 0x100;
constexpr std::uint16_t kC1 = 0x200;
constexpr std::uint16_t kC2 = 0x400;
constexpr std::uint16_t kC3 = 0x4000;
constexpr std::uint16_t kFlags = 0x3f;

struct Outcome {
  x86::Float80 value;
  unsigned status = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// a in ST(0), b in ST(1). STORE comes after the status is taken, for it would clear C1.
#define HOST_STORING(NAME, TEXT, STORE)                                                  \
  Outcome NAME(const x86::Float80& a, const x86::Float80& b, std::uint16_t control) {    \
    struct alignas(16) Ten {                                                             \
      std::uint64_t low;                                                                 \
      std::uint64_t high;                                                                \
    };                                                                                   \
    const Ten x{a.significand, a.sign_exponent};                                         \
    const Ten y{b.significand, b.sign_exponent};                                         \
    Ten out{0, 0};                                                                       \
    std::uint16_t after = 0;                                                             \
    asm volatile("fninit\n fldt %[y]\n fldt %[x]\n fldcw %[control]\n" TEXT              \
                 "\n fnstsw %[after]\n" STORE "\n fninit"                                \
                 : [out] "+m"(out), [after] "=m"(after)                                  \
                 : [x] "m"(x), [y] "m"(y), [control] "m"(control)                        \
                 : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"); \
    return {{out.low, static_cast<std::uint16_t>(out.high)}, after};                     \
  }

// TEXT stores its own result, or leaves it in ST(0).
#define HOST(NAME, TEXT) HOST_STORING(NAME, TEXT, "")
#define HOST_STACK(NAME, TEXT) HOST_STORING(NAME, TEXT, " fstpt %[out]")

HOST_STACK(host_add, "fadd %%st(1), %%st")
HOST_STACK(host_subtract, "fsub %%st(1), %%st")
HOST_STACK(host_multiply, "fmul %%st(1), %%st")
HOST_STACK(host_divide, "fdiv %%st(1), %%st")
HOST_STACK(host_square_root, "fsqrt")
HOST_STACK(host_round, "frndint")
HOST_STACK(host_scale, "fscale")
HOST_STACK(host_remainder, "fprem")
HOST_STACK(host_remainder1, "fprem1")
HOST_STACK(host_extract_significand, "fxtract")
HOST_STACK(host_extract_exponent, "fxtract\n fstp %%st(0)")
HOST_STACK(host_compare, "fcom %%st(1)")
HOST_STACK(host_unordered_compare, "fucom %%st(1)")
HOST(host_store32, "fstps %[out]")
HOST(host_store64, "fstpl %[out]")
HOST(host_store16i, "fistps %[out]")
HOST(host_store32i, "fistpl %[out]")
HOST(host_store64i, "fistpll %[out]")
#undef HOST
#undef HOST_STACK

std::uint16_t random_control(Random& random) {
  constexpr unsigned kPrecisions[] = {0, 2, 3, 3};
  return static_cast<std::uint16_t>(0x7f | (kPrecisions[random() % 4] << 8) |
                                    ((random() % 4) << 10));
}

Context context_of(std::uint16_t control) {
  Context context;
  context.rounding = static_cast<Rounding>((control >> 10) & 3);
  context.nan_rule = NanRule::kLargerSignificand;
  return context;
}

Shape shape_of(std::uint16_t control) {
  constexpr int kPrecision[] = {24, 64, 53, 64};
  Shape shape = Extended::kShape;
  shape.precision = kPrecision[(control >> 8) & 3];
  return shape;
}

unsigned status_of(const Context& context) {
  return context.raised | (context.rounded_up ? kC1 : 0u);
}

template <typename Host, typename Function>
void compare_with_host(std::uint64_t seed, Host host, unsigned mask, Function function) {
  Random random = seeded(seed);
  for (int n = 0; n < kCases; ++n) {
    const x86::Float80 a = random_operand<Extended>(random);
    const x86::Float80 b = random_operand<Extended>(random);
    const std::uint16_t control = random_control(random);
    Outcome ours = function(unpack<Extended>(a), unpack<Extended>(b), control);
    Outcome theirs = host(a, b, control);
    ours.status &= mask;
    theirs.status &= mask;
    ASSERT_TRUE(ours == theirs) << std::hex << "case " << n << " a " << a.sign_exponent << ":"
                                << a.significand << " b " << b.sign_exponent << ":" << b.significand
                                << " control " << control << "\nours   " << ours.value.sign_exponent
                                << ":" << ours.value.significand << " status " << ours.status
                                << "\nhost's " << theirs.value.sign_exponent << ":"
                                << theirs.value.significand << " status " << theirs.status;
  }
}

auto binary(Exact (*operation)(const Number&, const Number&, Context&)) {
  return [operation](const Number& a, const Number& b, std::uint16_t control) -> Outcome {
    Context context = context_of(control);
    const Exact value = operation(a, b, context);
    const x86::Float80 result = pack<Extended>(value, context, shape_of(control));
    return {result, status_of(context)};
  };
}

constexpr unsigned kArithmetic = kFlags | kC1;

TEST(SoftFloatAgainstX87, Add) {
  compare_with_host(1, host_add, kArithmetic, binary(add));
}
TEST(SoftFloatAgainstX87, Subtract) {
  compare_with_host(2, host_subtract, kArithmetic, binary(subtract));
}
TEST(SoftFloatAgainstX87, Multiply) {
  compare_with_host(3, host_multiply, kArithmetic, binary(multiply));
}
TEST(SoftFloatAgainstX87, Divide) {
  compare_with_host(4, host_divide, kArithmetic, binary(divide));
}

TEST(SoftFloatAgainstX87, SquareRoot) {
  compare_with_host(5, host_square_root, kArithmetic,
                    binary([](const Number& a, const Number&, Context& context) {
                      return square_root(a, context);
                    }));
}

TEST(SoftFloatAgainstX87, RoundToIntegral) {
  compare_with_host(6, host_round, kArithmetic,
                    [](const Number& a, const Number&, std::uint16_t control) -> Outcome {
                      Context context = context_of(control);
                      if (!needs_nan(a)) note_denormals(a, a, context);
                      const Exact value = round_to_integral(a, Inexact::kRaised, context);
                      const unsigned status = status_of(context);
                      return {pack<Extended>(value, context), status};
                    });
}

TEST(SoftFloatAgainstX87, Scale) {
  compare_with_host(7, host_scale, kArithmetic,
                    [](const Number& a, const Number& b, std::uint16_t control) -> Outcome {
                      Context context = context_of(control);
                      const x86::Float80 result = pack<Extended>(scale(a, b, context), context);
                      return {result, status_of(context)};
                    });
}

auto remainder_of(Quotient rounding) {
  return [rounding](const Number& a, const Number& b, std::uint16_t control) -> Outcome {
    Context context = context_of(control);
    const Remainder result = remainder(a, b, rounding, context);
    const x86::Float80 value = pack<Extended>(result.value, context);
    unsigned status = context.raised;
    if (result.partial) status |= kC2;
    if ((result.quotient & 1) != 0) status |= kC1;
    if ((result.quotient & 2) != 0) status |= kC3;
    if ((result.quotient & 4) != 0) status |= kC0;
    return {value, status};
  };
}
constexpr unsigned kConditions = kC0 | kC1 | kC2 | kC3;
TEST(SoftFloatAgainstX87, Remainder) {
  compare_with_host(8, host_remainder, kFlags | kConditions, remainder_of(Quotient::kTruncated));
}
TEST(SoftFloatAgainstX87, RemainderToNearest) {
  compare_with_host(9, host_remainder1, kFlags | kConditions, remainder_of(Quotient::kNearest));
}

template <Exact Parts::*part>
Outcome part_of(const Number& a, const Number&, std::uint16_t control) {
  Context context = context_of(control);
  const Parts parts = extract(a, context);
  return {pack<Extended>(parts.*part, context), context.raised};
}
TEST(SoftFloatAgainstX87, Extract) {
  compare_with_host(10, host_extract_significand, kFlags, part_of<&Parts::significand>);
  compare_with_host(11, host_extract_exponent, kFlags, part_of<&Parts::exponent>);
}

template <typename Format>
Outcome stored(const Number& a, const Number&, std::uint16_t control) {
  Context context = context_of(control);
  const Exact value = needs_nan(a) ? propagate_nan(a, a, context) : exact(a);
  const auto bits = pack<Format>(value, context);
  return {{bits, 0}, status_of(context)};
}
TEST(SoftFloatAgainstX87, Store) {
  compare_with_host(12, host_store32, kArithmetic, stored<Binary32>);
  compare_with_host(13, host_store64, kArithmetic, stored<Binary64>);
}

template <typename Integer>
Outcome stored_integer(const Number& a, const Number&, std::uint16_t control) {
  Context context = context_of(control);
  const auto integer = static_cast<Integer>(to_integer(a, sizeof(Integer) * 8, context));
  return {{integer, 0}, status_of(context)};
}
TEST(SoftFloatAgainstX87, StoreInteger) {
  compare_with_host(14, host_store16i, kArithmetic, stored_integer<std::uint16_t>);
  compare_with_host(15, host_store32i, kArithmetic, stored_integer<std::uint32_t>);
  compare_with_host(16, host_store64i, kArithmetic, stored_integer<std::uint64_t>);
}

template <QuietNans quiet_nans>
Outcome compared(const Number& a, const Number& b, std::uint16_t control) {
  Context context = context_of(control);
  constexpr unsigned kOrders[] = {kC0, kC3, 0, kC0 | kC2 | kC3};
  const unsigned order = kOrders[static_cast<unsigned>(compare(a, b, quiet_nans, context))];
  return {{}, context.raised | order};
}
template <auto host>
Outcome without_value(const x86::Float80& a, const x86::Float80& b, std::uint16_t control) {
  return {{}, host(a, b, control).status};
}
TEST(SoftFloatAgainstX87, Compare) {
  compare_with_host(17, without_value<host_compare>, kFlags | kConditions,
                    compared<QuietNans::kInvalid>);
  compare_with_host(18, without_value<host_unordered_compare>, kFlags | kConditions,
                    compared<QuietNans::kAccepted>);
}

}  // namespace
}  // namespace orrery::hypervisor::soft::soft_float::test
