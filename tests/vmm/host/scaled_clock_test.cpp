#include "vmm/host/scaled_clock.hpp"

#include <gtest/gtest.h>

namespace orrery::vmm {
namespace {

class SetClock final : public port::Clock {
 public:
  Ticks now{1'000'000};
  Ticks monotonic() override { return now; }
  Ticks wall() override { return now + 500; }
};

TEST(ScaledClock, GoesAtItsRateFromWhereTheHostsWas) {
  SetClock host;
  ScaledClock clock(host, 0.25);
  EXPECT_EQ(clock.monotonic(), Ticks(1'000'000));
  host.now = Ticks(1'000'400);
  EXPECT_EQ(clock.monotonic(), Ticks(1'000'100));
  EXPECT_EQ(clock.wall(), Ticks(1'000'600));
}

TEST(ScaledClock, TellsTimersWhenItWillHaveCome) {
  SetClock host;
  ScaledClock clock(host, 0.25);
  const Ticks deadline(1'000'777);
  const auto wait = clock.host_time(Ticks(deadline - clock.monotonic()));
  host.now = host.now + wait.count();
  EXPECT_GE(clock.monotonic(), deadline);
  EXPECT_LE(clock.monotonic(), deadline + 1);
}

}  // namespace
}  // namespace orrery::vmm
