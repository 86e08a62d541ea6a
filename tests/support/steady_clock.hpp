// The host's clock, with a wall time that is always the same.
#pragma once

#include <chrono>

#include "port/clock.hpp"

namespace orrery::testing {

class SteadyClock : public port::Clock {
 public:
  Ticks monotonic() override {
    return Ticks(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  Ticks wall() override { return Ticks(1'700'000'000'000'000'000); }
};

}  // namespace orrery::testing
