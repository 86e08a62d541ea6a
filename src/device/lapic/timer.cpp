// The local APIC's timer (SDM vol. 3A, 11.5.4).
#include <algorithm>
#include <bit>

#include "base/bits.hpp"
#include "device/lapic/lapic.hpp"

namespace orrery::device::lapic {
namespace {

// The shortest time between two rings of a periodic timer. A guest that asks for less would only
// keep the host busy: the vector is one bit in IRR however often the timer rings, and no guest
// serves an interrupt in 10 microseconds here.
constexpr std::int64_t kShortestPeriod = 10'000;

constexpr std::int64_t kFarFuture = std::int64_t{1} << 62;

}  // namespace

bool LocalApic::Registers::valid() const {
  const auto possible = [](std::int64_t time) { return time >= 0 && time <= kFarFuture; };
  return possible(timer_start) && (!timer_due || possible(*timer_due));
}

TimerMode LocalApic::timer_mode() const {
  return static_cast<TimerMode>(bits(local_vector(Register::kLvtTimer), 18, 17));
}

// Figure 11-10: bits 3, 1, 0 select 2, 4, ... 128, 1.
std::int64_t LocalApic::divider() const {
  const unsigned code = (r_.divide_configuration & 3u) | (r_.divide_configuration & 8u) >> 1;
  return std::int64_t{1} << ((code + 1) & 7);
}

void LocalApic::write_initial_count(std::uint32_t value) {
  if (timer_mode() == TimerMode::kTscDeadline) return;
  r_.initial_count = value;
  r_.timer_start = host_.now().value();
  r_.timer_due.reset();
  if (value != 0) r_.timer_due = r_.timer_start + std::int64_t{value} * divider();
  arm_timer();
}

std::uint32_t LocalApic::current_count() const {
  if (timer_mode() == TimerMode::kTscDeadline || !r_.timer_due) return 0;
  const std::int64_t left = *r_.timer_due - host_.now().value();
  const std::int64_t period = std::int64_t{r_.initial_count} * divider();
  if (left > 0) return static_cast<std::uint32_t>(std::min(left, period) / divider());
  // It has rung, or is about to: a periodic timer is already in its next period.
  if (timer_mode() != TimerMode::kPeriodic || period == 0) return 0;
  return static_cast<std::uint32_t>((period - -left % period) / divider());
}

void LocalApic::write_divide_configuration(std::uint8_t value) {
  const std::uint32_t count = current_count();
  r_.divide_configuration = value;
  if (!r_.timer_due || timer_mode() == TimerMode::kTscDeadline) return;
  r_.timer_due = host_.now().value() + std::int64_t{count} * divider();
  arm_timer();
}

void LocalApic::write_tsc_deadline(std::uint64_t value) {
  if (timer_mode() != TimerMode::kTscDeadline) return;  // ignored (11.5.4.1)
  r_.tsc_deadline = value;
  r_.timer_due.reset();
  if (value != 0) {
    r_.timer_due =
        std::clamp<std::int64_t>(connection_.when_time_stamp(value).value(), 0, kFarFuture);
  }
  arm_timer();
}

// Between TSC-deadline mode and the others everything is disarmed; one-shot and periodic differ
// only in what happens when the count ends.
void LocalApic::timer_mode_changed() {
  r_.timer_due.reset();
  r_.tsc_deadline = 0;
  r_.initial_count = 0;
  arm_timer();
}

void LocalApic::ring() {
  if (!r_.timer_due) return;
  const std::int64_t now = host_.now().value();
  if (now < *r_.timer_due) return arm_timer();
  switch (timer_mode()) {
    case TimerMode::kPeriodic: {
      const std::int64_t period =
          std::max<std::int64_t>(std::int64_t{r_.initial_count} * divider(), 1);
      r_.timer_start = *r_.timer_due + (now - *r_.timer_due) / period * period;
      r_.timer_due = std::max(r_.timer_start + period, now + std::min(period, kShortestPeriod));
      // The next full period that is not sooner than the shortest one.
      if (period < kShortestPeriod) r_.timer_due = now + kShortestPeriod;
      break;
    }
    case TimerMode::kTscDeadline: r_.tsc_deadline = 0; [[fallthrough]];
    default: r_.timer_due.reset();
  }
  fire_local_vector(Register::kLvtTimer);
  arm_timer();
}

void LocalApic::arm_timer() {
  if (r_.timer_due) {
    timer_->arm(Ticks(*r_.timer_due));
  } else {
    timer_->cancel();
  }
}

}  // namespace orrery::device::lapic
