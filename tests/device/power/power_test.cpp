// ACPI fixed hardware against ACPI 6.5, 4.8.
#include "device/power/power.hpp"

#include <gtest/gtest.h>

#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::device::power {
namespace {

class PowerTest : public ::testing::Test {
 protected:
  std::uint64_t in16(unsigned region, unsigned offset) {
    return power.read(region, offset, Width::k16);
  }
  void out16(unsigned region, unsigned offset, std::uint16_t value) {
    power.write(region, offset, Width::k16, value);
  }

  testing::FakeHost host;
  Power power{host};
};

TEST_F(PowerTest, PowerButtonRaisesTheSci) {  // 4.8.2.2
  power.press_power_button();
  EXPECT_FALSE(host.line(0));
  out16(kEvent, 2, pm1::kPowerButton);
  EXPECT_TRUE(host.line(0));
  EXPECT_EQ(in16(kEvent, 0), pm1::kPowerButton);
  out16(kEvent, 0, pm1::kPowerButton);  // written ones clear
  EXPECT_EQ(in16(kEvent, 0), 0u);
  EXPECT_FALSE(host.line(0));
}

TEST_F(PowerTest, SoftOff) {  // 4.8.3.2.1
  EXPECT_EQ(in16(kControl, 0), control::kSciEnable);
  out16(kControl, 0, 1u << control::kSleepTypeShift | control::kSleepEnable);
  EXPECT_TRUE(host.power_requests.empty());
  out16(kControl, 0, kSleepTypeSoftOff << control::kSleepTypeShift);
  EXPECT_TRUE(host.power_requests.empty());
  out16(kControl, 0, kSleepTypeSoftOff << control::kSleepTypeShift | control::kSleepEnable);
  EXPECT_EQ(host.power_requests, std::vector{PowerRequest::kOff});
  EXPECT_EQ(in16(kControl, 0) & control::kSleepEnable, 0u);  // write-only
}

TEST_F(PowerTest, TimerCounts) {  // 4.8.3.3
  EXPECT_EQ(power.read(kTimer, 0, Width::k32), 0u);
  host.advance(kTicksPerSecond);
  EXPECT_EQ(power.read(kTimer, 0, Width::k32), 3'579'545u);
}

TEST_F(PowerTest, TimerStatusWhenTheHighBitChanges) {
  out16(kEvent, 2, pm1::kTimer);
  host.advance(Ticks(599'000'000'000));
  EXPECT_FALSE(host.line(0));
  host.advance(Ticks(2'000'000'000));
  EXPECT_TRUE(host.line(0));
  out16(kEvent, 0, pm1::kTimer);
  EXPECT_FALSE(host.line(0));
}

TEST_F(PowerTest, BytesAndBlocksEnds) {
  power.write(kEvent, 3, Width::k8, pm1::kPowerButton >> 8);
  EXPECT_EQ(in16(kEvent, 2), pm1::kPowerButton);
  EXPECT_EQ(power.read(kEvent, 3, Width::k16), 0xffffu);
  EXPECT_EQ(power.read(9, 0, Width::k8), 0xffu);
}

TEST_F(PowerTest, SaveRestore) {
  power.press_power_button();
  out16(kEvent, 2, pm1::kPowerButton);
  out16(kGeneral, 2, 0x5);
  testing::FakeHost other_host;
  Power other(other_host);
  testing::expect_round_trip(power, other);
  EXPECT_TRUE(other_host.line(0));
}

}  // namespace
}  // namespace orrery::device::power
