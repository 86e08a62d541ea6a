// Descriptors as the manual draws them (SDM vol. 3A, figures 3-8, 5-8, 6-2, 6-8).
#include "x86/descriptor.hpp"

#include <gtest/gtest.h>

namespace orrery::x86 {
namespace {

TEST(Descriptor, FlatCodeSegment) {
  const Descriptor descriptor(0x00cf'9a00'0000'ffff);
  EXPECT_EQ(descriptor.base(), 0u);
  EXPECT_EQ(descriptor.limit(), 0xffff'ffffu);
  EXPECT_TRUE(descriptor.attributes().is_code());
  EXPECT_TRUE(descriptor.attributes().is_readable());
  EXPECT_FALSE(descriptor.attributes().is_conforming());
  EXPECT_TRUE(descriptor.attributes().is_big());
  EXPECT_FALSE(descriptor.is_system());
}

TEST(Descriptor, ScatteredBaseAndByteLimit) {
  const Descriptor descriptor(0x1241'f334'5678'9abc);
  EXPECT_EQ(descriptor.base(), 0x1234'5678u);
  EXPECT_EQ(descriptor.limit(), 0x1'9abcu);
  EXPECT_EQ(descriptor.dpl(), 3u);
  EXPECT_TRUE(descriptor.attributes().is_writable());
}

TEST(Descriptor, SegmentIsMarkedAccessedUnlessSystem) {
  EXPECT_TRUE(
      Descriptor(0x00cf'9200'0000'ffff).segment(SegmentSelector(0x10)).attributes.is_accessed());
  const Segment tss = Descriptor(0x0000'8900'0000'0067).segment(SegmentSelector(0x28));
  EXPECT_EQ(static_cast<SystemType>(tss.attributes.type()), SystemType::kTss32Available);
  EXPECT_EQ(tss.limit, 0x67u);
}

TEST(Descriptor, SecondHalfExtendsBaseAndOffset) {
  const Descriptor tss(0x1200'8934'5678'0067, 0xffff'8000);
  EXPECT_EQ(tss.base(), 0xffff'8000'1234'5678u);
  const Descriptor gate(0x8765'8e05'0010'4321, 0xffff'ffff);
  EXPECT_EQ(gate.gate_offset(), 0xffff'ffff'8765'4321u);
  EXPECT_EQ(gate.gate_selector(), SegmentSelector(0x10));
  EXPECT_EQ(gate.gate_ist(), 5u);
  EXPECT_TRUE(is_interrupt_gate(gate.system_type()));
}

TEST(Descriptor, CallGateParameters) {
  const Descriptor gate(0x0001'ec1f'0008'2345);
  EXPECT_TRUE(is_call_gate(gate.system_type()));
  EXPECT_TRUE(is_wide(gate.system_type()));
  EXPECT_EQ(gate.gate_parameters(), 31u);
  EXPECT_EQ(gate.gate_offset(), 0x1'2345u);
}

TEST(SystemType, ClassifiesEachOfTheSixteen) {
  for (unsigned raw = 0; raw < 16; ++raw) {
    const auto type = static_cast<SystemType>(raw);
    EXPECT_EQ(is_tss(type), raw == 1 || raw == 3 || raw == 9 || raw == 11) << raw;
    EXPECT_EQ(is_available_tss(type), raw == 1 || raw == 9) << raw;
    EXPECT_EQ(is_busy_tss(type), raw == 3 || raw == 11) << raw;
    EXPECT_EQ(is_call_gate(type), raw == 4 || raw == 12) << raw;
    EXPECT_EQ(is_interrupt_gate(type), raw == 6 || raw == 14) << raw;
    EXPECT_EQ(is_trap_gate(type), raw == 7 || raw == 15) << raw;
  }
}

TEST(SegmentSelector, Parts) {
  constexpr SegmentSelector kSelector(0x2f);
  EXPECT_EQ(kSelector.rpl(), 3u);
  EXPECT_TRUE(kSelector.is_local());
  EXPECT_EQ(kSelector.offset(), 0x28u);
  EXPECT_EQ(kSelector.error_code(), 0x2cu);
  EXPECT_TRUE(SegmentSelector(3).is_null());
  EXPECT_FALSE(SegmentSelector(4).is_null());
}

}  // namespace
}  // namespace orrery::x86
