#include "x86/cpuid.hpp"

#include <gtest/gtest.h>

namespace orrery::x86 {
namespace {

CpuidTable table() {
  CpuidTable result;
  result.set({0, 0, false, {4, 1, 2, 3}});
  result.set({1, 0, false, {10, 0, 0, 0}});
  result.set({4, 0, true, {40, 0, 0, 0}});
  result.set({4, 1, true, {41, 0, 0, 0}});
  result.set({0x8000'0000, 0, false, {0x8000'0001, 0, 0, 0}});
  result.set({0x8000'0001, 0, false, {80, 0, 0, 0}});
  return result;
}

TEST(CpuidTable, AnswersByLeafAndSubleaf) {
  EXPECT_EQ(table().query(1, 99).eax, 10u);
  EXPECT_EQ(table().query(4, 1).eax, 41u);
  EXPECT_EQ(table().query(4, 2).eax, 0u);
  EXPECT_EQ(table().query(0x8000'0001, 0).eax, 80u);
}

TEST(CpuidTable, LeafWithinTheRangeButAbsentIsZero) {
  EXPECT_EQ(table().query(2, 0), CpuidRegisters{});
}

TEST(CpuidTable, LeafBeyondTheRangeAnswersAsTheHighestBasicLeaf) {
  EXPECT_EQ(table().query(0x1000, 0).eax, 40u);
  EXPECT_EQ(table().query(0x8000'0005, 1).eax, 41u);
}

TEST(CpuidTable, SettingAnEntryAgainReplacesIt) {
  CpuidTable changed = table();
  changed.set({4, 1, true, {77, 0, 0, 0}});
  EXPECT_EQ(changed.query(4, 1).eax, 77u);
  EXPECT_EQ(changed.entries().size(), table().entries().size());
}

}  // namespace
}  // namespace orrery::x86
