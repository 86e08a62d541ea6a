// All timers of a machine: alarms in the machine's time on the I/O loop. While the clock stands
// still none rings; those that were armed are armed again when it goes on.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <set>

#include "base/loop/event_loop.hpp"
#include "base/types.hpp"
#include "device/timer.hpp"
#include "machine/time/clock.hpp"

namespace orrery::machine {

class Timers {
 public:
  Timers(MachineClock& clock, EventLoop& loop) : clock_(clock), loop_(loop) {}

  // RING is called on the loop with LOCK held. arm() and cancel() are for holders of LOCK; a timer
  // is destroyed without it.
  std::unique_ptr<device::Timer> create(std::mutex& lock, std::function<void()> ring);

  // The clock was started: arms what was armed before. Any thread.
  void clock_started();

 private:
  class MachineTimer;

  MachineClock& clock_;
  EventLoop& loop_;
  std::mutex mutex_;  // guards timers_
  std::set<MachineTimer*> timers_;
};

}  // namespace orrery::machine
