// A one-shot alarm in the machine's time, made by device::Host::create_timer().
#pragma once

#include "base/types.hpp"

namespace orrery::device {

class Timer {
 public:
  // Destroying a timer cancels it.
  virtual ~Timer() = default;

  // Rings once at DEADLINE (at once if that has passed); replaces an earlier deadline.
  virtual void arm(Ticks deadline) = 0;
  virtual void cancel() = 0;
};

}  // namespace orrery::device
