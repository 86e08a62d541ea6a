// The 8254 against its datasheet (Intel order 231164, "Mode Definitions" and "Read Operations").
#include "device/pit8254/pit8254.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::device::pit8254 {
namespace {

using testing::read8;
using testing::write8;

class Pit8254Test : public ::testing::Test {
 protected:
  std::uint8_t in(unsigned offset) { return read8(pit, Pit8254::kCounters, offset); }
  void out(unsigned offset, unsigned value) {
    write8(pit, Pit8254::kCounters, offset, static_cast<std::uint8_t>(value));
  }
  void program(unsigned counter, unsigned mode, unsigned count, unsigned bcd = 0) {
    out(3, counter << 6 | 0x30 | mode << 1 | bcd);
    out(counter, count & 0xff);
    out(counter, count >> 8);
  }
  unsigned count(unsigned counter) {
    out(3, counter << 6);
    const unsigned low = in(counter);
    return low | static_cast<unsigned>(in(counter)) << 8;
  }
  unsigned status(unsigned counter) {
    out(3, 0xe0 | 2u << counter);
    return in(counter);
  }
  std::uint8_t port61() { return read8(pit, Pit8254::kPort61, 0); }
  // Moves the clock by input clocks.
  void clocks(std::int64_t n) {
    clocks_ += n;
    const std::int64_t target = (clocks_ * kTicksPerSecond.value() + kFrequency - 1) / kFrequency;
    host.advance(Ticks(target - host.now().value()));
  }

  testing::FakeHost host;
  Pit8254 pit{host};
  std::int64_t clocks_ = 0;
};

TEST_F(Pit8254Test, Mode0RaisesItsOutputAtTerminalCount) {
  program(0, 0, 100);
  EXPECT_FALSE(host.line(0));
  clocks(40);
  EXPECT_EQ(count(0), 60u);
  clocks(59);
  EXPECT_FALSE(host.line(0));
  clocks(1);
  EXPECT_TRUE(host.line(0));
  clocks(1);
  EXPECT_EQ(count(0), 0xffffu);  // goes on counting
  EXPECT_EQ(host.line_rises[0], 1u);
}

TEST_F(Pit8254Test, Mode2IsPeriodic) {
  program(0, 2, 1000);
  host.line_rises.clear();
  clocks(1000);
  EXPECT_EQ(host.line_rises[0], 1u);
  clocks(9000);
  EXPECT_EQ(host.line_rises[0], 10u);
  clocks(300);
  EXPECT_EQ(count(0), 700u);
}

TEST_F(Pit8254Test, Mode2TakesANewCountAtTheEndOfThePeriod) {
  program(0, 2, 1000);
  clocks(500);
  out(0, 200);
  out(0, 0);
  EXPECT_EQ(status(0) & 0x40, 0x40u);  // null count
  EXPECT_EQ(count(0), 500u);
  clocks(600);
  EXPECT_EQ(count(0), 100u);
  EXPECT_EQ(status(0) & 0x40, 0u);
}

TEST_F(Pit8254Test, Mode3IsASquareWave) {
  program(2, 3, 100);
  write8(pit, Pit8254::kPort61, 0, 1);
  clocks(49);
  EXPECT_TRUE(port61() & 0x20);
  EXPECT_EQ(count(2), 2u);
  clocks(1);
  EXPECT_FALSE(port61() & 0x20);
  EXPECT_EQ(count(2), 100u);
  clocks(50);
  EXPECT_TRUE(port61() & 0x20);
}

TEST_F(Pit8254Test, Mode4StrobesOnce) {
  program(0, 4, 50);
  host.line_rises.clear();
  clocks(1000);
  EXPECT_EQ(host.line_rises[0], 1u);
}

TEST_F(Pit8254Test, Mode1WaitsForItsGate) {
  program(2, 1, 100);
  EXPECT_TRUE(port61() & 0x20);
  clocks(500);
  EXPECT_TRUE(port61() & 0x20);
  write8(pit, Pit8254::kPort61, 0, 1);
  EXPECT_FALSE(port61() & 0x20);
  clocks(100);
  EXPECT_TRUE(port61() & 0x20);
}

TEST_F(Pit8254Test, Gate2StopsCounter2) {
  write8(pit, Pit8254::kPort61, 0, 1);
  program(2, 0, 1000);
  clocks(100);
  write8(pit, Pit8254::kPort61, 0, 0);
  clocks(5000);
  EXPECT_EQ(count(2), 900u);
  EXPECT_FALSE(port61() & 0x20);
  write8(pit, Pit8254::kPort61, 0, 1);
  clocks(900);
  EXPECT_TRUE(port61() & 0x20);
}

TEST_F(Pit8254Test, ZeroCountsFull) {
  program(0, 2, 0);
  clocks(1);
  EXPECT_EQ(count(0), 0xffffu);
}

TEST_F(Pit8254Test, DecimalCounting) {
  program(0, 2, 0x1000, 1);
  clocks(1);
  EXPECT_EQ(count(0), 0x0999u);
}

TEST_F(Pit8254Test, ReadBackLatchesStatusBeforeCount) {
  program(0, 2, 1000);
  clocks(10);
  out(3, 0xc2);
  clocks(10);
  EXPECT_EQ(in(0), 0xb4);  // OUT high, both bytes, mode 2
  EXPECT_EQ(in(0), 990 & 0xff);
  EXPECT_EQ(in(0), 990 >> 8);
  EXPECT_EQ(in(0), 980 & 0xff);
}

TEST_F(Pit8254Test, LowByteAccess) {
  out(3, 0x14);  // counter 0, low byte only, mode 2
  out(0, 100);
  clocks(1);
  EXPECT_EQ(in(0), 99);
  EXPECT_EQ(in(0), 99);
}

TEST_F(Pit8254Test, RefreshBitToggles) {
  const bool before = (port61() & 0x10) != 0;
  clocks(18);
  EXPECT_NE((port61() & 0x10) != 0, before);
}

TEST_F(Pit8254Test, SaveRestore) {
  program(0, 2, 1000);
  program(2, 3, 77);
  out(3, 0xc2);
  clocks(10);
  testing::FakeHost other_host;
  Pit8254 other(other_host);
  testing::expect_round_trip(pit, other);
  EXPECT_TRUE(other_host.next_deadline().has_value());
}

TEST_F(Pit8254Test, WhatIsSavedDoesNotDependOnWhoLookedBefore) {
  write8(pit, Pit8254::kPort61, 0, 1);  // the gate of counter 2
  program(2, 2, 1000);
  clocks(10);
  out(2, 500 & 0xff);
  out(2, 500 >> 8);
  clocks(1200);  // the new count has begun, and nobody has seen it
  const State unseen = pit.save();
  port61();
  EXPECT_EQ(pit.save(), unseen);
}

// Found by fuzzing: such a time overflowed and was due at once, for ever.
TEST_F(Pit8254Test, RefusesAStateWhoseCountersStartBeyondAllTime) {
  program(0, 2, 1000);
  State state = pit.save();
  state["counters"][0]["start"] = std::int64_t{1} << 59;
  EXPECT_FALSE(pit.restore(state));
  state["counters"][0]["start"] = std::int64_t{1} << 52;
  ASSERT_TRUE(pit.restore(state));
  ASSERT_TRUE(host.next_deadline());
  EXPECT_GT(*host.next_deadline(), host.now());
}

}  // namespace
}  // namespace orrery::device::pit8254
