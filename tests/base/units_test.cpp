// Sizes as people write them (base/units.hpp).
#include "base/units.hpp"

#include <gtest/gtest.h>

namespace orrery {
namespace {

TEST(Units, ParsesSizes) {
  EXPECT_EQ(parse_bytes("0")->value(), 0u);
  EXPECT_EQ(parse_bytes("4096")->value(), 4096u);
  EXPECT_EQ(parse_bytes("512M")->value(), 512_MiB);
  EXPECT_EQ(parse_bytes("3g")->value(), 3_GiB);
  EXPECT_EQ(parse_bytes("2KiB")->value(), 2_KiB);
  EXPECT_EQ(parse_bytes("1t")->value(), 1024_GiB);
}

TEST(Units, RefusesWhatIsNoSize) {
  for (const char* text : {"", "M", "-1", "1.5G", "12Q", "1MB", "1 M", "0x10", "+4"}) {
    const auto size = parse_bytes(text);
    ASSERT_FALSE(size.has_value()) << text;
    EXPECT_NE(size.error().message().find("512M"), std::string::npos) << size.error().message();
  }
}

TEST(Units, RefusesOverflow) {
  EXPECT_FALSE(parse_bytes("99999999999999999999").has_value());
  EXPECT_FALSE(parse_bytes("16777216T").has_value());
  EXPECT_TRUE(parse_bytes("16777215T").has_value());
}

TEST(Units, WritesTheShortestExactForm) {
  EXPECT_EQ(to_string(Bytes(512_MiB)), "512M");
  EXPECT_EQ(to_string(Bytes(1537_KiB)), "1537K");
  EXPECT_EQ(to_string(Bytes(4095)), "4095");
  EXPECT_EQ(to_string(Bytes(0)), "0");
}

TEST(Units, ParsesNumbersInRange) {
  EXPECT_EQ(*parse_number("16", 1, 16), 16u);
  EXPECT_FALSE(parse_number("17", 1, 16).has_value());
  EXPECT_FALSE(parse_number("0", 1, 16).has_value());
  EXPECT_FALSE(parse_number("4x", 1, 16).has_value());
}

}  // namespace
}  // namespace orrery
