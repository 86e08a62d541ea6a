// The soft-float against the host's SSE2 unit: results and MXCSR flags, all rounding modes, DAZ and
// FTZ, all exceptions masked.
#include <cstdio>

#include <gtest/gtest.h>

#include "hypervisor/soft/fpu/operands.hpp"
#include "hypervisor/soft/fpu/soft_float/arithmetic.hpp"
#include "hypervisor/soft/fpu/soft_float/convert.hpp"
#include "hypervisor/soft/fpu/soft_float/host.hpp"
#include "hypervisor/soft/fpu/soft_float/round.hpp"

namespace orrery::hypervisor::soft::soft_float::test {
namespace {

constexpr int kCases = 400'000;
constexpr std::uint32_t kDefault = 0x1f80;

struct Outcome {
  std::uint64_t bits;
  std::uint32_t flags;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::uint32_t random_mxcsr(Random& random) {
  return kDefault | static_cast<std::uint32_t>((random() % 4) << 13) |
         (random() % 4 == 0 ? 0x40u : 0) | (random() % 4 == 0 ? 0x8000u : 0);
}

Context context_of(std::uint32_t mxcsr) {
  Context context;
  context.rounding = static_cast<Rounding>((mxcsr >> 13) & 3);
  context.denormals_are_zero = (mxcsr & 0x40) != 0;
  context.flush_to_zero = (mxcsr & 0x8000) != 0;
  return context;
}

#define HOST(NAME, TYPE_OUT, TYPE_IN, TEXT)                                      \
  Outcome NAME(std::uint64_t a, std::uint64_t b, std::uint32_t mxcsr) {          \
    std::uint32_t after = 0;                                                     \
    const std::uint32_t normal = kDefault;                                       \
    std::uint64_t out = 0;                                                       \
    asm volatile("movq %[a], %%xmm0\n movq %[b], %%xmm1\n ldmxcsr %[in]\n" TEXT  \
                 "\n stmxcsr %[after]\n ldmxcsr %[normal]\n movq %%xmm0, %[out]" \
                 : [out] "=&r"(out), [after] "=m"(after)                         \
                 : [a] "r"(a), [b] "r"(b), [in] "m"(mxcsr), [normal] "m"(normal) \
                 : "xmm0", "xmm1", "rax");                                       \
    return {static_cast<TYPE_OUT>(out), after & 0x3f};                           \
  }

using F32 = std::uint32_t;
using F64 = std::uint64_t;
HOST(host_add32, F32, F32, "addss %%xmm1, %%xmm0")
HOST(host_add64, F64, F64, "addsd %%xmm1, %%xmm0")
HOST(host_sub32, F32, F32, "subss %%xmm1, %%xmm0")
HOST(host_sub64, F64, F64, "subsd %%xmm1, %%xmm0")
HOST(host_mul32, F32, F32, "mulss %%xmm1, %%xmm0")
HOST(host_mul64, F64, F64, "mulsd %%xmm1, %%xmm0")
HOST(host_div32, F32, F32, "divss %%xmm1, %%xmm0")
HOST(host_div64, F64, F64, "divsd %%xmm1, %%xmm0")
HOST(host_sqrt32, F32, F32, "sqrtss %%xmm0, %%xmm0")
HOST(host_sqrt64, F64, F64, "sqrtsd %%xmm0, %%xmm0")
HOST(host_narrow, F32, F64, "cvtsd2ss %%xmm0, %%xmm0")
HOST(host_widen, F64, F32, "cvtss2sd %%xmm0, %%xmm0")
HOST(host_round32, F32, F32, "roundss $4, %%xmm0, %%xmm0")
HOST(host_round64, F64, F64, "roundsd $4, %%xmm0, %%xmm0")
HOST(host_to32_32, F32, F32, "cvtss2si %%xmm0, %%eax\n movd %%eax, %%xmm0")
HOST(host_to64_32, F64, F32, "cvtss2si %%xmm0, %%rax\n movq %%rax, %%xmm0")
HOST(host_to32_64, F32, F64, "cvtsd2si %%xmm0, %%eax\n movd %%eax, %%xmm0")
HOST(host_to64_64, F64, F64, "cvtsd2si %%xmm0, %%rax\n movq %%rax, %%xmm0")
HOST(host_from32, F32, F64, "cvtsi2ss %[a], %%xmm0")
HOST(host_from64, F64, F64, "cvtsi2sd %[a], %%xmm0")
HOST(host_compare32, F32, F32, "comiss %%xmm1, %%xmm0\n pushfq\n pop %%rax\n movq %%rax, %%xmm0")
HOST(host_compare64, F64, F64, "ucomisd %%xmm1, %%xmm0\n pushfq\n pop %%rax\n movq %%rax, %%xmm0")
#undef HOST

// FUNCTION computes our outcome from two operands of Format; HOST is the host's.
template <typename Format, typename Function>
void compare_with_host(std::uint64_t seed,
                       Outcome (*host)(std::uint64_t, std::uint64_t, std::uint32_t),
                       Function function) {
  Random random = seeded(seed);
  for (int n = 0; n < kCases; ++n) {
    const auto a = random_operand<Format>(random);
    const auto b = random_operand<Format>(random);
    const std::uint32_t mxcsr = random_mxcsr(random);
    Context context = context_of(mxcsr);
    const std::uint64_t bits = function(a, b, context);
    const Outcome ours{bits, context.raised};
    const Outcome theirs = host(a, b, mxcsr);
    ASSERT_TRUE(ours == theirs) << std::hex << "case " << n << " a " << a << " b " << b << " mxcsr "
                                << mxcsr << "\nours   " << ours.bits << " flags " << ours.flags
                                << "\nhost's " << theirs.bits << " flags " << theirs.flags;
  }
}

template <typename Format>
auto binary(Exact (*operation)(const Number&, const Number&, Context&)) {
  return [operation](typename Format::Bits a, typename Format::Bits b, Context& context) {
    const Exact result = operation(unpack<Format>(a, context), unpack<Format>(b, context), context);
    return pack<Format>(result, context);
  };
}

TEST(SoftFloatAgainstSse, Add) {
  compare_with_host<Binary32>(1, host_add32, binary<Binary32>(add));
  compare_with_host<Binary64>(2, host_add64, binary<Binary64>(add));
}
TEST(SoftFloatAgainstSse, Subtract) {
  compare_with_host<Binary32>(3, host_sub32, binary<Binary32>(subtract));
  compare_with_host<Binary64>(4, host_sub64, binary<Binary64>(subtract));
}
TEST(SoftFloatAgainstSse, Multiply) {
  compare_with_host<Binary32>(5, host_mul32, binary<Binary32>(multiply));
  compare_with_host<Binary64>(6, host_mul64, binary<Binary64>(multiply));
}
TEST(SoftFloatAgainstSse, Divide) {
  compare_with_host<Binary32>(7, host_div32, binary<Binary32>(divide));
  compare_with_host<Binary64>(8, host_div64, binary<Binary64>(divide));
}

template <typename From, typename To>
auto unary(Exact (*operation)(const Number&, Context&)) {
  return [operation](typename From::Bits a, typename From::Bits, Context& context) {
    return pack<To>(operation(unpack<From>(a, context), context), context);
  };
}

TEST(SoftFloatAgainstSse, SquareRoot) {
  compare_with_host<Binary32>(9, host_sqrt32, unary<Binary32, Binary32>(square_root));
  compare_with_host<Binary64>(10, host_sqrt64, unary<Binary64, Binary64>(square_root));
}
TEST(SoftFloatAgainstSse, ConversionBetweenFormats) {
  compare_with_host<Binary64>(11, host_narrow, unary<Binary64, Binary32>(convert));
  compare_with_host<Binary32>(12, host_widen, unary<Binary32, Binary64>(convert));
}
Exact integral(const Number& value, Context& context) {
  return round_to_integral(value, Inexact::kRaised, context);
}
TEST(SoftFloatAgainstSse, RoundToIntegral) {
  compare_with_host<Binary32>(13, host_round32, unary<Binary32, Binary32>(integral));
  compare_with_host<Binary64>(14, host_round64, unary<Binary64, Binary64>(integral));
}

template <typename Format, typename Integer>
auto integer() {
  return [](typename Format::Bits a, typename Format::Bits, Context& context) -> std::uint64_t {
    return static_cast<Integer>(
        to_integer(unpack<Format>(a, context), sizeof(Integer) * 8, context));
  };
}
TEST(SoftFloatAgainstSse, ToInteger) {
  compare_with_host<Binary32>(15, host_to32_32, integer<Binary32, std::uint32_t>());
  compare_with_host<Binary32>(16, host_to64_32, integer<Binary32, std::uint64_t>());
  compare_with_host<Binary64>(17, host_to32_64, integer<Binary64, std::uint32_t>());
  compare_with_host<Binary64>(18, host_to64_64, integer<Binary64, std::uint64_t>());
}
template <typename Format>
auto from() {
  return [](std::uint64_t a, std::uint64_t, Context& context) {
    return pack<Format>(from_integer(static_cast<std::int64_t>(a)), context);
  };
}
TEST(SoftFloatAgainstSse, FromInteger) {
  compare_with_host<Binary64>(19, host_from32, from<Binary32>());
  compare_with_host<Binary64>(20, host_from64, from<Binary64>());
}

// As COMISS sets ZF, PF and CF.
template <typename Format>
auto order(QuietNans quiet_nans) {
  return [quiet_nans](typename Format::Bits a, typename Format::Bits b,
                      Context& context) -> std::uint64_t {
    constexpr std::uint64_t kFlags[] = {1, 0x40, 0, 0x45};  // less, equal, greater, unordered
    return kFlags[static_cast<unsigned>(
        compare(unpack<Format>(a, context), unpack<Format>(b, context), quiet_nans, context))];
  };
}
template <auto host>
Outcome only_flags(std::uint64_t a, std::uint64_t b, std::uint32_t mxcsr) {
  Outcome outcome = host(a, b, mxcsr);
  outcome.bits &= 0x45;
  return outcome;
}
TEST(SoftFloatAgainstSse, Compare) {
  compare_with_host<Binary32>(21, only_flags<host_compare32>, order<Binary32>(QuietNans::kInvalid));
  compare_with_host<Binary64>(22, only_flags<host_compare64>,
                              order<Binary64>(QuietNans::kAccepted));
}

// The short cut takes only what it computes as the soft-float does, with no flag but precision.
template <typename Format, HostOperation host>
void check_short_cut(std::uint64_t seed,
                     Exact (*operation)(const Number&, const Number&, Context&)) {
  Random random = seeded(seed);
  int taken = 0;
  for (int n = 0; n < kCases; ++n) {
    const auto a = random_operand<Format>(random);
    const auto b = random_operand<Format>(random);
    const auto quick = on_host<Format, host>(a, b);
    if (!quick) continue;
    ++taken;
    Context context;
    const auto slow =
        pack<Format>(operation(unpack<Format>(a), unpack<Format>(b), context), context);
    ASSERT_EQ(*quick, slow) << std::hex << "a " << a << " b " << b;
    ASSERT_EQ(context.raised & ~exception::kPrecision, 0) << std::hex << "a " << a << " b " << b;
  }
  EXPECT_GT(taken, kCases / 10);
}

TEST(SoftFloatShortCut, AgreesWhereItIsTaken) {
  check_short_cut<Binary32, HostOperation::kAdd>(31, add);
  check_short_cut<Binary64, HostOperation::kAdd>(32, add);
  check_short_cut<Binary32, HostOperation::kSubtract>(33, subtract);
  check_short_cut<Binary64, HostOperation::kSubtract>(34, subtract);
  check_short_cut<Binary32, HostOperation::kMultiply>(35, multiply);
  check_short_cut<Binary64, HostOperation::kMultiply>(36, multiply);
  check_short_cut<Binary32, HostOperation::kDivide>(37, divide);
  check_short_cut<Binary64, HostOperation::kDivide>(38, divide);
}

}  // namespace
}  // namespace orrery::hypervisor::soft::soft_float::test
