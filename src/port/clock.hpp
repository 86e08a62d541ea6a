// The outside's time, from which the machine's clock is made.
#pragma once

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
};

}  // namespace orrery::port
