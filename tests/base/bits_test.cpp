#include "base/bits.hpp"

#include <gtest/gtest.h>

namespace orrery {
namespace {

TEST(Bits, AreNumberedAsInTheManuals) {
  EXPECT_EQ(bits(0xabcd'1234u, 31, 16), 0xabcdu);
  EXPECT_EQ(bits(0xabcd'1234u, 3, 0), 4u);
  EXPECT_EQ(bits(~std::uint64_t{0}, 63, 0), ~std::uint64_t{0});
  EXPECT_TRUE(bit(0x80u, 7));
  EXPECT_FALSE(bit(0x80u, 6));
}

TEST(Bits, AlignDownAndUp) {
  EXPECT_EQ(align_down(0x1fff, 0x1000), 0x1000u);
  EXPECT_EQ(align_up(0x1001, 0x1000), 0x2000u);
  EXPECT_EQ(align_up(0x1000, 0x1000), 0x1000u);
  EXPECT_FALSE(is_aligned(0x1001, 2));
}

TEST(Bits, ExtendSigns) {
  EXPECT_EQ(sign_extend(0x80, 8), 0xffff'ffff'ffff'ff80u);
  EXPECT_EQ(sign_extend(0x7f, 8), 0x7fu);
}

}  // namespace
}  // namespace orrery
