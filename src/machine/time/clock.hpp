// The machine's one clock: nanoseconds since power-on, standing still while the machine is paused.
// The time-stamp counter, PIT, ACPI PM timer, local APIC timers and RTC all derive from it.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/types.hpp"
#include "port/clock.hpp"

namespace orrery::machine {

class MachineClock {
 public:
  // Stands still at 0 until start(). SOURCE outlives the clock.
  explicit MachineClock(port::Clock& source) : source_(source) {}

  // Any thread.
  Ticks now() const {
    const std::int64_t stopped = stopped_at_.load(std::memory_order_acquire);
    if (stopped >= 0) return Ticks(stopped);
    // Pairs with the release in start(): whoever sees the clock run sees its offset.
    return Ticks(source_.monotonic().value() - offset_.load(std::memory_order_relaxed));
  }
  bool running() const { return stopped_at_.load(std::memory_order_acquire) < 0; }

  // One caller at a time; starting a running clock, or stopping a stopped one, does nothing.
  void start();
  void stop();
  // A stopped clock only: continues from NOW, as a restored machine does.
  void set(Ticks now) { stopped_at_.store(now.value()); }

  port::Clock& source() const { return source_; }

 private:
  port::Clock& source_;
  std::atomic<std::int64_t> offset_{0};      // source time at machine time 0
  std::atomic<std::int64_t> stopped_at_{0};  // machine time; negative: running
};

// Converts between machine time and the time-stamp counter.
class TimeStamp {
 public:
  explicit TimeStamp(std::uint64_t frequency) : frequency_(frequency) {}

  std::uint64_t frequency() const { return frequency_; }
  std::uint64_t at(Ticks time) const {
    if (frequency_ == kNanosecond) return static_cast<std::uint64_t>(time.value());
    return static_cast<std::uint64_t>(static_cast<Wide>(time.value()) * frequency_ / kNanosecond);
  }
  // The first moment at which the counter has reached VALUE; the far future where that is beyond
  // all times.
  Ticks when(std::uint64_t value) const {
    const Wide time = (static_cast<Wide>(value) * kNanosecond + frequency_ - 1) / frequency_;
    return time > kFarFuture ? Ticks(kFarFuture) : Ticks(static_cast<std::int64_t>(time));
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr std::uint64_t kNanosecond = 1'000'000'000;
  static constexpr std::int64_t kFarFuture = std::int64_t{1} << 62;

  std::uint64_t frequency_;
};

}  // namespace orrery::machine
