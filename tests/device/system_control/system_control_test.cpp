// Port 92h: fast reset and A20.
#include "device/system_control/system_control.hpp"

#include <gtest/gtest.h>

#include "support/device_access.hpp"
#include "support/fake_host.hpp"

namespace orrery::device::system_control {
namespace {

TEST(SystemControl, ResetsOnTheRiseOfItsBit) {
  testing::FakeHost host;
  SystemControl control(host);
  EXPECT_EQ(testing::read8(control, 0, 0), kA20);
  testing::write8(control, 0, 0, 0xfc);
  EXPECT_TRUE(host.power_requests.empty());
  EXPECT_EQ(testing::read8(control, 0, 0), 0);
  testing::write8(control, 0, 0, kFastReset);
  testing::write8(control, 0, 0, kFastReset);
  EXPECT_EQ(host.power_requests, std::vector{PowerRequest::kReset});
}

TEST(SystemControl, SaveRestore) {
  testing::FakeHost host;
  SystemControl control(host);
  testing::write8(control, 0, 0, 0);
  SystemControl other(host);
  testing::expect_round_trip(control, other);
}

}  // namespace
}  // namespace orrery::device::system_control
