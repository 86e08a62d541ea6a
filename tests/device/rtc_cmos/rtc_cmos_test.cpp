// The real-time clock against its datasheet (Motorola MC146818A).
#include "device/rtc_cmos/rtc_cmos.hpp"

#include <gtest/gtest.h>

#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::device::rtc_cmos {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
// 2026-11-20 12:59:58 UTC, a Friday.
constexpr Ticks kEpoch{1'795'179'598 * kSecondNs};

class RtcCmosTest : public ::testing::Test {
 protected:
  std::uint8_t get(std::uint8_t index) {
    testing::write8(rtc, 0, 0, index);
    return testing::read8(rtc, 0, 1);
  }
  void set(std::uint8_t index, std::uint8_t value) {
    testing::write8(rtc, 0, 0, index);
    testing::write8(rtc, 0, 1, value);
  }
  void seconds(std::int64_t n) { host.advance(Ticks(n * kSecondNs)); }

  testing::FakeHost host;
  RtcCmos rtc{host, kEpoch};
};

TEST_F(RtcCmosTest, ShowsTheTimeInBcd) {
  EXPECT_EQ(get(kSeconds), 0x58);
  EXPECT_EQ(get(kMinutes), 0x59);
  EXPECT_EQ(get(kHours), 0x12);
  EXPECT_EQ(get(kDayOfWeek), 6);
  EXPECT_EQ(get(kDayOfMonth), 0x20);
  EXPECT_EQ(get(kMonth), 0x11);
  EXPECT_EQ(get(kYear), 0x26);
  EXPECT_EQ(get(kCentury), 0x20);
  EXPECT_EQ(get(kRegisterD), 0x80);
  seconds(2);
  EXPECT_EQ(get(kSeconds), 0x00);
  EXPECT_EQ(get(kHours), 0x13);
}

TEST_F(RtcCmosTest, TwelveHourAndBinaryModes) {
  seconds(2);
  set(kRegisterB, 0x00);
  EXPECT_EQ(get(kHours), 0x81);  // 1 PM
  set(kRegisterB, 0x06);
  EXPECT_EQ(get(kHours), 13);
  EXPECT_EQ(get(kYear), 26);
}

TEST_F(RtcCmosTest, SetsTheTimeWhileFrozen) {
  set(kRegisterB, 0x82);
  set(kYear, 0x99);
  set(kCentury, 0x19);
  set(kMonth, 0x12);
  set(kDayOfMonth, 0x31);
  set(kHours, 0x23);
  set(kMinutes, 0x59);
  set(kSeconds, 0x59);
  seconds(100);
  EXPECT_EQ(get(kSeconds), 0x59);
  set(kRegisterB, 0x02);
  seconds(1);
  EXPECT_EQ(get(kYear), 0x00);
  EXPECT_EQ(get(kCentury), 0x20);
  EXPECT_EQ(get(kDayOfMonth), 0x01);
  EXPECT_EQ(get(kDayOfWeek), 7);  // Saturday
}

TEST_F(RtcCmosTest, UpdateInProgressAnnouncesTheNextSecond) {
  EXPECT_EQ(get(kRegisterA), 0x26);
  host.advance(Ticks(kSecondNs - 200'000));
  EXPECT_EQ(get(kRegisterA), 0xa6);
  host.advance(Ticks(200'000));
  EXPECT_EQ(get(kRegisterA), 0x26);
}

TEST_F(RtcCmosTest, PeriodicInterrupt) {
  set(kRegisterA, 0x26);  // 1024 Hz
  set(kRegisterB, 0x42);
  host.advance(Ticks(kSecondNs / 1024 + 1000));
  EXPECT_TRUE(host.line(0));
  EXPECT_EQ(get(kRegisterC) & 0xc0, 0xc0);
  EXPECT_FALSE(host.line(0));
  host.line_rises.clear();
  for (int i = 0; i < 1024; ++i) {
    host.advance(Ticks(kSecondNs / 1024));
    get(kRegisterC);
  }
  EXPECT_NEAR(host.line_rises[0], 1024, 2);
}

TEST_F(RtcCmosTest, AlarmAndUpdateInterrupts) {
  set(kSecondsAlarm, 0x05);
  set(kMinutesAlarm, 0x00);
  set(kHoursAlarm, 0xff);  // any hour
  get(kRegisterC);
  set(kRegisterB, 0x22);
  seconds(6);
  EXPECT_FALSE(host.line(0));
  seconds(1);
  EXPECT_TRUE(host.line(0));
  EXPECT_EQ(get(kRegisterC), 0xa0 | 0x10 | 0x40);  // UF and PF are set as well
  set(kRegisterB, 0x12);
  seconds(1);
  EXPECT_TRUE(host.line(0));
  EXPECT_EQ(get(kRegisterC) & 0x90, 0x90);
}

TEST_F(RtcCmosTest, MemoryStaysOverReset) {
  set(0x40, 0xa5);
  set(kRegisterB, 0x72);
  rtc.reset();
  EXPECT_EQ(get(0x40), 0xa5);
  EXPECT_EQ(get(kRegisterB), 0x02);
  EXPECT_EQ(get(kSeconds), 0x58);
}

TEST_F(RtcCmosTest, IndexPortIsWriteOnly) {
  EXPECT_EQ(testing::read8(rtc, 0, 0), 0xff);
  testing::write8(rtc, 0, 0, 0x80 | kRegisterD);  // the NMI mask bit
  EXPECT_EQ(testing::read8(rtc, 0, 1), 0x80);
}

TEST_F(RtcCmosTest, NonsenseDatesEndNothing) {
  for (int value : {0x00, 0x7f, 0x80, 0xff}) {
    set(kRegisterB, 0x82);
    for (std::uint8_t index : {0, 2, 4, 7, 8, 9, 0x32}) {
      set(index, static_cast<std::uint8_t>(value));
    }
    set(kRegisterB, static_cast<std::uint8_t>(value & 0x7f));
    seconds(1);
    get(kRegisterC);
  }
}

TEST_F(RtcCmosTest, SaveRestore) {
  set(0x40, 1);
  set(kRegisterB, 0x72);
  seconds(3);
  testing::FakeHost other_host;
  other_host.advance(Ticks(3 * kSecondNs));
  RtcCmos other(other_host, Ticks(0));
  testing::expect_round_trip(rtc, other);
  EXPECT_TRUE(other_host.line(0));
}

}  // namespace
}  // namespace orrery::device::rtc_cmos
