// The I/O APIC against its datasheet (Intel 82093AA, section 3).
#include "device/ioapic/ioapic.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "support/device_access.hpp"

namespace orrery::device::ioapic {
namespace {

class IoApicTest : public ::testing::Test {
 protected:
  std::uint32_t get(unsigned index) {
    testing::write32(apic, 0, kSelect, index);
    return testing::read32(apic, 0, kWindow);
  }
  void set(unsigned index, std::uint32_t value) {
    testing::write32(apic, 0, kSelect, index);
    testing::write32(apic, 0, kWindow, value);
  }
  void program(unsigned pin, std::uint32_t low, std::uint32_t high = 0) {
    set(kRedirection + 2 * pin + 1, high);
    set(kRedirection + 2 * pin, low);
  }

  std::vector<InterruptMessage> sent;
  IoApic apic{[this](const InterruptMessage& m) { sent.push_back(m); }};
};

TEST_F(IoApicTest, Identifies) {
  EXPECT_EQ(get(kVersion), 0x0017'0020u);
  set(kId, 0xffff'ffff);
  EXPECT_EQ(get(kId), 0x0f00'0000u);
  EXPECT_EQ(get(kRedirection), 0x0001'0000u);  // masked after reset
  EXPECT_EQ(get(0x40), 0xffff'ffffu);
}

TEST_F(IoApicTest, EdgeSendsOncePerRise) {
  program(4, 0x0000'0931, 0x0300'0000);  // lowest priority, logical, to 3
  apic.set_pin(4, true);
  apic.set_pin(4, true);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].vector, 0x31);
  EXPECT_EQ(sent[0].destination, 3u);
  EXPECT_EQ(sent[0].delivery, DeliveryMode::kLowestPriority);
  EXPECT_EQ(sent[0].destination_mode, DestinationMode::kLogical);
  apic.set_pin(4, false);
  apic.set_pin(4, true);
  EXPECT_EQ(sent.size(), 2u);
}

TEST_F(IoApicTest, MaskedEdgeIsLost) {
  apic.set_pin(4, true);
  program(4, 0x31);
  EXPECT_TRUE(sent.empty());
}

TEST_F(IoApicTest, LevelWaitsForItsEndOfInterrupt) {
  program(10, 0x8041);
  apic.set_pin(10, true);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].trigger, TriggerMode::kLevel);
  EXPECT_EQ(get(kRedirection + 20), 0xc041u);  // remote IRR
  apic.end_of_interrupt(0x40);
  EXPECT_EQ(sent.size(), 1u);
  apic.end_of_interrupt(0x41);  // still asserted: again
  EXPECT_EQ(sent.size(), 2u);
  apic.set_pin(10, false);
  testing::write32(apic, 0, kEoi, 0x41);
  EXPECT_EQ(sent.size(), 2u);
  EXPECT_EQ(get(kRedirection + 20), 0x8041u);
}

TEST_F(IoApicTest, UnmaskingALevelThatIsAssertedSends) {
  apic.set_pin(10, true);
  program(10, 0x8041);
  EXPECT_EQ(sent.size(), 1u);
}

TEST_F(IoApicTest, SwitchingToEdgeClearsRemoteIrr) {
  program(10, 0x8041);
  apic.set_pin(10, true);
  set(kRedirection + 20, 0x1'0041);
  set(kRedirection + 20, 0x1'8041);
  EXPECT_EQ(get(kRedirection + 20), 0x1'8041u);
}

TEST_F(IoApicTest, ReadOnlyBitsStay) {
  program(3, 0x1'5041);
  EXPECT_EQ(get(kRedirection + 6), 0x1'0041u);
}

TEST_F(IoApicTest, SaveRestore) {
  program(10, 0x8041, 0x0100'0000);
  apic.set_pin(10, true);
  IoApic other([](const InterruptMessage&) {});
  testing::expect_round_trip(apic, other);
}

}  // namespace
}  // namespace orrery::device::ioapic
