// LazyFlags against RFLAGS: every combination survives, and each setter changes only what it says.
#include "hypervisor/soft/lazy_flags.hpp"

#include <gtest/gtest.h>

namespace orrery::hypervisor::soft {
namespace {

using namespace x86::rflags;

// Calls TEST with each of the 64 combinations of the six flags.
template <typename Test>
void for_each_combination(Test test) {
  constexpr std::uint64_t kFlags[] = {kCarry, kParity, kAdjust, kZero, kSign, kOverflow};
  for (unsigned choice = 0; choice < 64; ++choice) {
    std::uint64_t flags = 0;
    for (unsigned n = 0; n < 6; ++n) flags |= (choice >> n & 1) != 0 ? kFlags[n] : 0;
    SCOPED_TRACE(testing::Message() << "RFLAGS " << std::hex << flags);
    test(flags);
  }
}

LazyFlags flags_of(std::uint64_t bits) {
  LazyFlags flags;
  flags.set_bits(bits);
  return flags;
}

TEST(LazyFlags, KeepsEveryCombinationOfBits) {
  for_each_combination([](std::uint64_t bits) {
    const LazyFlags flags = flags_of(bits);
    EXPECT_EQ(flags.bits(), bits);
    EXPECT_EQ(flags.carry(), (bits & kCarry) != 0);
    EXPECT_EQ(flags.parity(), (bits & kParity) != 0);
    EXPECT_EQ(flags.adjust(), (bits & kAdjust) != 0);
    EXPECT_EQ(flags.is_zero(), (bits & kZero) != 0);
    EXPECT_EQ(flags.sign(), (bits & kSign) != 0);
    EXPECT_EQ(flags.overflow(), (bits & kOverflow) != 0);
  });
}

TEST(LazyFlags, JoinedConditionsFollowTheirFlags) {
  for_each_combination([](std::uint64_t bits) {
    const LazyFlags flags = flags_of(bits);
    EXPECT_EQ(flags.less(), ((bits & kSign) != 0) != ((bits & kOverflow) != 0));
    EXPECT_EQ(flags.below_or_equal(), (bits & (kCarry | kZero)) != 0);
  });
}

TEST(LazyFlags, SetCarryLeavesTheOthers) {
  for_each_combination([](std::uint64_t bits) {
    LazyFlags flags = flags_of(bits);
    flags.set_carry(true);
    EXPECT_EQ(flags.bits(), bits | kCarry);
    flags.set_carry(false);
    EXPECT_EQ(flags.bits(), bits & ~kCarry);
  });
}

TEST(LazyFlags, SetCarryOverflowLeavesTheOthers) {
  for_each_combination([](std::uint64_t bits) {
    for (const bool carry : {false, true}) {
      for (const bool overflow : {false, true}) {
        LazyFlags flags = flags_of(bits);
        flags.set_carry_overflow(carry, overflow);
        EXPECT_EQ(flags.bits(), (bits & ~(kCarry | kOverflow)) | (carry ? kCarry : 0) |
                                    (overflow ? kOverflow : 0));
      }
    }
  });
}

TEST(LazyFlags, SetResultTakesTheThreeOthersAsBits) {
  LazyFlags flags;
  flags.set_result(std::uint8_t{0x80}, kCarry | kAdjust);
  EXPECT_EQ(flags.bits(), kSign | kCarry | kAdjust);
  flags.set_result(std::uint16_t{0}, kOverflow);
  EXPECT_EQ(flags.bits(), kZero | kParity | kOverflow);
}

TEST(LazyFlags, ParityLooksAtTheLowByteOnly) {
  LazyFlags flags;
  flags.set_logical(std::uint32_t{0x0000'0103});
  EXPECT_TRUE(flags.parity());
  flags.set_logical(std::uint32_t{0x0000'0301});
  EXPECT_FALSE(flags.parity());
}

}  // namespace
}  // namespace orrery::hypervisor::soft
