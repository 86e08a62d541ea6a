// The host's clocks at another rate: a guest whose engine is too slow for its own timers, as in
// lockstep, lives in a slower time.
#pragma once

#include <chrono>
#include <cstdint>

#include "port/clock.hpp"

namespace orrery::vmm {

class ScaledClock final : public port::Clock {
 public:
  // RATE: nanoseconds of this clock in one of HOST's, which outlives it. Both agree now.
  ScaledClock(port::Clock& host, double rate)
      : host_(host), rate_(rate), begin_(host.monotonic()), wall_begin_(host.wall()) {}

  Ticks monotonic() override { return begin_ + passed(); }
  Ticks wall() override { return wall_begin_ + passed(); }
  std::chrono::nanoseconds host_time(Ticks left) override {
    return std::chrono::nanoseconds(scaled(left.value(), 1 / rate_) + 1);
  }

 private:
  static std::int64_t scaled(std::int64_t nanoseconds, double rate) {
    return static_cast<std::int64_t>(static_cast<double>(nanoseconds) * rate);
  }
  std::int64_t passed() { return scaled(host_.monotonic() - begin_, rate_); }

  port::Clock& host_;
  const double rate_;
  const Ticks begin_;
  const Ticks wall_begin_;
};

}  // namespace orrery::vmm
