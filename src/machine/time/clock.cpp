#include "machine/time/clock.hpp"

namespace orrery::machine {

void MachineClock::start() {
  const std::int64_t stopped = stopped_at_.load(std::memory_order_relaxed);
  if (stopped < 0) return;
  offset_.store(source_.monotonic().value() - stopped, std::memory_order_relaxed);
  stopped_at_.store(-1, std::memory_order_release);
}

void MachineClock::stop() {
  if (!running()) return;
  stopped_at_.store(now().value(), std::memory_order_release);
}

}  // namespace orrery::machine
