// The host's clocks as a port. Its monotonic time is steady_clock's, which the event loop's timers
// use too.
#pragma once

#include <ctime>

#include "port/clock.hpp"

namespace orrery::vmm {

class SystemClock final : public port::Clock {
 public:
  Ticks monotonic() override { return read(CLOCK_MONOTONIC); }
  Ticks wall() override { return read(CLOCK_REALTIME); }

 private:
  static Ticks read(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return Ticks(time.tv_sec * kTicksPerSecond.value() + time.tv_nsec);
  }
};

}  // namespace orrery::vmm
