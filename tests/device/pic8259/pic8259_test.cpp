// The pair of 8259As against their datasheet (Intel order 231468).
#include "device/pic8259/pic8259.hpp"

#include <gtest/gtest.h>

#include "support/device_access.hpp"

namespace orrery::device::pic8259 {
namespace {

using testing::read8;
using testing::write8;

class Pic8259Test : public ::testing::Test {
 protected:
  Pic8259Test() { initialize(); }
  void out(unsigned chip, unsigned offset, unsigned value) {
    write8(pic, chip, offset, static_cast<std::uint8_t>(value));
  }
  std::uint8_t in(unsigned chip, unsigned offset) { return read8(pic, chip, offset); }
  void initialize(unsigned icw4 = 0x01) {
    for (unsigned chip : {0u, 1u}) {
      out(chip, 0, 0x11);
      out(chip, 1, chip == 0 ? 0x20 : 0x28);
      out(chip, 1, chip == 0 ? 0x04 : 0x02);
      out(chip, 1, icw4);
    }
  }
  void eoi(unsigned chip) { out(chip, 0, 0x20); }

  bool level = false;
  Pic8259 pic{[this](bool l) { level = l; }};
};

TEST_F(Pic8259Test, DeliversByPriority) {
  pic.set_irq(4, true);
  pic.set_irq(1, true);
  ASSERT_TRUE(level);
  EXPECT_EQ(pic.acknowledge(), 0x21);
  EXPECT_FALSE(level);  // IRQ 4 is lower than what is in service
  eoi(0);
  ASSERT_TRUE(level);
  EXPECT_EQ(pic.acknowledge(), 0x24);
}

TEST_F(Pic8259Test, CascadesTheSlave) {
  pic.set_irq(8, true);
  ASSERT_TRUE(level);
  EXPECT_EQ(pic.acknowledge(), 0x28);
  out(0, 0, 0x0b);
  EXPECT_EQ(in(0, 0), 0x04);  // ISR of the master: the cascade
  eoi(1);
  eoi(0);
  EXPECT_EQ(in(0, 0), 0x00);
}

TEST_F(Pic8259Test, EdgeNeedsANewEdge) {
  pic.set_irq(3, true);
  EXPECT_EQ(pic.acknowledge(), 0x23);
  eoi(0);
  EXPECT_FALSE(level);
  pic.set_irq(3, false);
  pic.set_irq(3, true);
  EXPECT_TRUE(level);
}

TEST_F(Pic8259Test, RequestThatGoesAwayIsSpurious) {
  pic.set_irq(3, true);
  pic.set_irq(3, false);
  EXPECT_FALSE(level);
  EXPECT_EQ(pic.acknowledge(), 0x27);
  out(0, 0, 0x0b);
  EXPECT_EQ(in(0, 0), 0);
}

TEST_F(Pic8259Test, LevelTriggeredStaysWhileAsserted) {  // ELCR
  write8(pic, Pic8259::kElcr, 1, 0xff);
  EXPECT_EQ(read8(pic, Pic8259::kElcr, 1), 0xde);
  pic.set_irq(10, true);
  EXPECT_EQ(pic.acknowledge(), 0x2a);
  eoi(1);
  eoi(0);
  EXPECT_TRUE(level);
  pic.set_irq(10, false);
  EXPECT_FALSE(level);
}

TEST_F(Pic8259Test, Masks) {
  out(0, 1, 0x02);
  pic.set_irq(1, true);
  EXPECT_FALSE(level);
  EXPECT_EQ(in(0, 1), 0x02);
  EXPECT_EQ(in(0, 0), 0x02);  // IRR shows it all the same
  out(0, 1, 0);
  EXPECT_TRUE(level);
}

TEST_F(Pic8259Test, AutoEoi) {
  initialize(0x03);
  pic.set_irq(1, true);
  EXPECT_EQ(pic.acknowledge(), 0x21);
  out(0, 0, 0x0b);
  EXPECT_EQ(in(0, 0), 0);
}

TEST_F(Pic8259Test, RotationMakesTheServedOneLowest) {
  pic.set_irq(3, true);
  pic.acknowledge();
  out(0, 0, 0xa0);  // rotate on non-specific EOI
  pic.set_irq(3, false);
  pic.set_irq(3, true);
  pic.set_irq(7, true);
  EXPECT_EQ(pic.acknowledge(), 0x27);
}

TEST_F(Pic8259Test, SetPriority) {
  out(0, 0, 0xc4);  // IRQ 4 lowest, so 5 is highest
  pic.set_irq(0, true);
  pic.set_irq(5, true);
  EXPECT_EQ(pic.acknowledge(), 0x25);
}

TEST_F(Pic8259Test, SpecificEoi) {
  pic.set_irq(4, true);
  pic.acknowledge();
  pic.set_irq(1, true);
  pic.acknowledge();
  out(0, 0, 0x64);
  out(0, 0, 0x0b);
  EXPECT_EQ(in(0, 0), 0x02);
}

TEST_F(Pic8259Test, SpecialMaskModeLetsLowerLevelsThrough) {
  pic.set_irq(1, true);
  pic.acknowledge();
  pic.set_irq(4, true);
  EXPECT_FALSE(level);
  out(0, 1, 0x02);
  out(0, 0, 0x68);
  EXPECT_TRUE(level);
}

TEST_F(Pic8259Test, SpecialFullyNestedModeLetsTheSlaveInterruptItself) {
  pic.set_irq(10, true);
  pic.acknowledge();
  pic.set_irq(8, true);
  EXPECT_FALSE(level);
  pic.set_irq(8, false);
  pic.set_irq(10, false);
  initialize(0x11);
  pic.set_irq(10, true);
  pic.acknowledge();
  pic.set_irq(8, true);
  EXPECT_TRUE(level);
  EXPECT_EQ(pic.acknowledge(), 0x28);
}

TEST_F(Pic8259Test, PollAcknowledges) {
  out(0, 0, 0x0c);
  EXPECT_EQ(in(0, 0), 0);
  pic.set_irq(6, true);
  out(0, 0, 0x0c);
  EXPECT_EQ(in(0, 0), 0x86);
  EXPECT_FALSE(level);
}

TEST_F(Pic8259Test, InitializationClearsMaskAndEdges) {
  out(0, 1, 0xff);
  pic.set_irq(1, true);
  initialize();
  EXPECT_EQ(in(0, 1), 0);
  EXPECT_FALSE(level);
}

TEST_F(Pic8259Test, SaveRestore) {
  pic.set_irq(9, true);
  pic.acknowledge();
  pic.set_irq(1, true);
  out(1, 1, 0x40);
  bool other_level = false;
  Pic8259 other([&](bool l) { other_level = l; });
  testing::expect_round_trip(pic, other);
  EXPECT_TRUE(other_level);
  EXPECT_EQ(other.acknowledge(), 0x21);
}

}  // namespace
}  // namespace orrery::device::pic8259
