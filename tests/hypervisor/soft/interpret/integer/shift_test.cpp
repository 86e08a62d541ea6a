// Shifts and rotates of all bytes by all counts against the manual's one-place-at-a-time
// description, and wider operands at chosen values.
#include "hypervisor/soft/interpret/integer/shift.hpp"

#include <gtest/gtest.h>

namespace orrery::hypervisor::soft::integer {
namespace {

template <typename T>
struct Place {
  T value;
  bool carry;
};

// One place each, as in the Operation sections of the manual.
template <typename T>
Place<T> left_once(Place<T> in, bool entering) {
  return {static_cast<T>(in.value << 1 | T{entering}), top_bit(in.value)};
}
template <typename T>
Place<T> right_once(Place<T> in, bool entering) {
  return {static_cast<T>(in.value >> 1 | static_cast<T>(T{entering} << (kBits<T> - 1))),
          (in.value & 1) != 0};
}

template <typename Operation, typename T, typename Once>
void check(T value, Once once) {
  for (const bool carry : {false, true}) {
    Place<T> expected{value, carry};
    for (unsigned count = 1; count <= kCountMask<T>; ++count) {
      expected = once(expected);
      const Shifted<T> shifted = Operation::compute(value, count, carry);
      ASSERT_EQ(shifted.value, expected.value) << +value << " by " << count << ", carry " << carry;
      ASSERT_EQ(shifted.carry, expected.carry) << +value << " by " << count << ", carry " << carry;
    }
  }
}

template <typename T>
void check_all_operations(T value) {
  using At = Place<T>;
  check<ShiftLeft>(value, [](At at) { return left_once(at, false); });
  check<ShiftRight>(value, [](At at) { return right_once(at, false); });
  check<ShiftArithmeticRight>(value, [](At at) { return right_once(at, top_bit(at.value)); });
  check<RotateLeft>(value, [](At at) { return left_once(at, top_bit(at.value)); });
  check<RotateRight>(value, [](At at) { return right_once(at, (at.value & 1) != 0); });
  check<RotateCarryLeft>(value, [](At at) { return left_once(at, at.carry); });
  check<RotateCarryRight>(value, [](At at) { return right_once(at, at.carry); });
}

TEST(Shift, AllBytesByAllCounts) {
  for (unsigned value = 0; value < 256; ++value) {
    check_all_operations(static_cast<std::uint8_t>(value));
  }
}

TEST(Shift, WiderOperandsByAllCounts) {
  for (const std::uint64_t value :
       {std::uint64_t{0x0123'4567'89ab'cdef}, std::uint64_t{0x8000'0000'8000'8001},
        std::uint64_t{0xffff'ffff'ffff'fffe}, std::uint64_t{1}}) {
    check_all_operations(static_cast<std::uint16_t>(value));
    check_all_operations(static_cast<std::uint32_t>(value));
    check_all_operations(value);
  }
}

// SDM vol. 2: for SHL and ROL by one, OF is the carry against the new sign; for SHR the old sign;
// for ROR and RCR the two top bits of the result.
TEST(Shift, OverflowOfOnePlace) {
  for (unsigned n = 0; n < 256; ++n) {
    const auto value = static_cast<std::uint8_t>(n);
    const auto left = ShiftLeft::compute(value, 1, false);
    EXPECT_EQ(left.overflow, left.carry != top_bit(left.value));
    EXPECT_EQ(ShiftRight::compute(value, 1, false).overflow, top_bit(value));
    EXPECT_FALSE(ShiftArithmeticRight::compute(value, 1, false).overflow);
    const auto right = RotateCarryRight::compute(value, 1, true);
    EXPECT_EQ(right.overflow, ((right.value >> 7) & 1) != ((right.value >> 6) & 1));
  }
}

TEST(Shift, DoubleShiftsTakeBitsFromTheOther) {
  const auto left =
      ShiftDoubleLeft::compute(std::uint32_t{0x8000'0001}, std::uint32_t{0xf000'0000}, 4);
  EXPECT_EQ(left.value, 0x0000'001fu);
  EXPECT_FALSE(left.carry);
  const auto right =
      ShiftDoubleRight::compute(std::uint64_t{0x18}, std::uint64_t{0x0000'0000'0000'000a}, 4);
  EXPECT_EQ(right.value, 0xa000'0000'0000'0001u);
  EXPECT_TRUE(right.carry);
}

}  // namespace
}  // namespace orrery::hypervisor::soft::integer
