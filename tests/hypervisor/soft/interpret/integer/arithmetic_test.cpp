// Arithmetic of bytes, exhaustively, against sums in wider integers; wider operands at their edges.
#include "hypervisor/soft/interpret/integer/arithmetic.hpp"

#include <gtest/gtest.h>

namespace orrery::hypervisor::soft::integer {
namespace {

using namespace x86::rflags;

using Byte = std::uint8_t;

bool even_parity(Byte value) {
  bool even = true;
  for (; value != 0; value = static_cast<Byte>(value & (value - 1))) even = !even;
  return even;
}

// What the manual defines, from the sum or difference in unlimited width.
std::uint64_t expected_flags(int unsigned_result, int signed_result, int low_digit) {
  const auto result = static_cast<Byte>(unsigned_result);
  return (unsigned_result != result ? kCarry : 0) | (even_parity(result) ? kParity : 0) |
         (low_digit < 0 || low_digit > 15 ? kAdjust : 0) | (result == 0 ? kZero : 0) |
         (result >= 0x80 ? kSign : 0) |
         (signed_result < -128 || signed_result > 127 ? kOverflow : 0);
}

// SIGN is 1 for sums and -1 for differences.
template <typename Operation>
void check_all_bytes(int sign) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      for (const int carry : {0, 1}) {
        const int third = Operation::kUsesCarry ? carry : 0;
        const auto left = static_cast<Byte>(a);
        const auto right = static_cast<Byte>(b);
        const Byte result = Operation::compute(left, right, carry != 0);
        LazyFlags flags;
        Operation::set_flags(flags, left, right, result);
        const int wide = a + sign * (b + third);
        const int wide_signed =
            static_cast<std::int8_t>(a) + sign * (static_cast<std::int8_t>(b) + third);
        ASSERT_EQ(result, static_cast<Byte>(wide)) << a << ", " << b << ", carry " << carry;
        ASSERT_EQ(flags.bits(), expected_flags(wide, wide_signed, a % 16 + sign * (b % 16 + third)))
            << a << ", " << b << ", carry " << carry;
      }
    }
  }
}

TEST(Arithmetic, AddsAllBytes) {
  check_all_bytes<Add>(1);
  check_all_bytes<AddWithCarry>(1);
}

TEST(Arithmetic, SubtractsAllBytes) {
  check_all_bytes<Subtract>(-1);
  check_all_bytes<SubtractWithBorrow>(-1);
  check_all_bytes<Compare>(-1);
}

TEST(Arithmetic, IncrementAndDecrementKeepCarry) {
  for (int a = 0; a < 256; ++a) {
    for (const bool carry : {false, true}) {
      const auto value = static_cast<Byte>(a);
      const std::uint64_t kept = carry ? kCarry : 0;
      LazyFlags flags;
      flags.set_carry(carry);
      Increment::set_flags(flags, value, Increment::compute(value));
      const auto as_signed = static_cast<std::int8_t>(a);
      EXPECT_EQ(flags.bits(), (expected_flags(a + 1, as_signed + 1, a % 16 + 1) & ~kCarry) | kept)
          << a;
      Decrement::set_flags(flags, value, Decrement::compute(value));
      EXPECT_EQ(flags.bits(), (expected_flags(a - 1, as_signed - 1, a % 16 - 1) & ~kCarry) | kept)
          << a;
    }
  }
}

TEST(Arithmetic, NegatesAllBytes) {
  for (int a = 0; a < 256; ++a) {
    const auto value = static_cast<Byte>(a);
    LazyFlags flags;
    Negate::set_flags(flags, value, Negate::compute(value));
    EXPECT_EQ(flags.bits(), expected_flags(-a, -static_cast<std::int8_t>(a), -(a % 16))) << a;
  }
}

// The same carries at the top of every width.
template <typename T>
void check_edges() {
  constexpr T kTop = static_cast<T>(T{1} << (sizeof(T) * 8 - 1));
  constexpr T kAll = static_cast<T>(~T{0});
  LazyFlags flags;
  Add::set_flags(flags, kAll, T{1}, Add::compute(kAll, T{1}, false));
  EXPECT_EQ(flags.bits(), kCarry | kParity | kAdjust | kZero);
  Add::set_flags(flags, kTop, kTop, Add::compute(kTop, kTop, false));
  EXPECT_EQ(flags.bits(), kCarry | kParity | kZero | kOverflow);
  Subtract::set_flags(flags, T{0}, T{1}, Subtract::compute(T{0}, T{1}, false));
  EXPECT_EQ(flags.bits(), kCarry | kParity | kAdjust | kSign);
  Subtract::set_flags(flags, kTop, T{1}, Subtract::compute(kTop, T{1}, false));
  EXPECT_EQ(flags.bits(), kParity | kAdjust | kOverflow);
}

TEST(Arithmetic, CarriesAtTheTopOfEveryWidth) {
  check_edges<std::uint16_t>();
  check_edges<std::uint32_t>();
  check_edges<std::uint64_t>();
}

TEST(Arithmetic, LogicClearsCarryAndOverflow) {
  LazyFlags flags;
  flags.set_bits(kArithmetic);
  And::set_flags(flags, Byte{0xf0}, Byte{0x0f}, And::compute(Byte{0xf0}, Byte{0x0f}, false));
  EXPECT_EQ(flags.bits(), kZero | kParity);
  flags.set_bits(kArithmetic);
  ExclusiveOr::set_flags(flags, Byte{0xf0}, Byte{0x0f}, Byte{0xff});
  EXPECT_EQ(flags.bits(), kSign | kParity);
}

}  // namespace
}  // namespace orrery::hypervisor::soft::integer
