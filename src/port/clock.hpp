// The outside's time, from which the machine's clock is made.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/types.hpp"

namespace orrery::port {

class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since some fixed moment, never going back. Any thread.
  virtual Ticks monotonic() = 0;

  // Nanoseconds since 1970-01-01 00:00 UTC, as the host believes. Any thread.
  virtual Ticks wall() = 0;

  // How long the host takes for LEFT of monotonic(), for its timers. Any thread.
  virtual std::chrono::nanoseconds host_time(Ticks left) {
    return std::chrono::nanoseconds(left.value());
  }
};

}  // namespace orrery::port
