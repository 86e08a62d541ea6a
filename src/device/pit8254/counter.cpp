#include "device/pit8254/counter.hpp"

#include "base/bits.hpp"

namespace orrery::device::pit8254 {
namespace {

Clocks from_bcd(std::uint16_t value) {
  Clocks result = 0;
  for (unsigned shift = 16; shift != 0; shift -= 4) {
    result = result * 10 + ((value >> (shift - 4)) & 0xf);
  }
  return result;
}

std::uint16_t to_bcd(Clocks value) {
  std::uint16_t result = 0;
  for (unsigned shift = 0; shift != 16; shift += 4, value /= 10) {
    result = static_cast<std::uint16_t>(result | (value % 10) << shift);
  }
  return result;
}

}  // namespace

bool Counter::valid() const {
  const auto possible = [](Clocks period) { return period >= 1 && period <= kBinaryRange; };
  // A century; ten times that would be more nanoseconds than there are numbers for.
  constexpr Clocks kLatest = Clocks{1} << 52;
  const auto sensible = [](Clocks when) { return when >= 0 && when <= kLatest; };
  return sensible(start_) && (!stopped_at_ || sensible(*stopped_at_)) &&
         mode_ <= Mode::kHardwareStrobe && access_ >= Access::kLow && access_ <= Access::kBoth &&
         possible(period_) && (!next_period_ || possible(*next_period_));
}

void Counter::write_control(std::uint8_t value, Clocks now) {
  const auto access = static_cast<Access>(bits<std::uint8_t>(value, 5, 4));
  if (access == Access::kLatch) return latch_count(now);
  access_ = access;
  // Bit 2 of the mode is "don't care" for modes 2 and 3: 6 and 7 mean them too.
  const std::uint8_t mode = bits<std::uint8_t>(value, 3, 1);
  mode_ = static_cast<Mode>(mode > 5 ? mode - 4 : mode);
  bcd_ = (value & control::kBcd) != 0;
  loaded_ = counting_ = write_high_next_ = read_high_next_ = false;
  next_period_.reset();
  latched_count_.reset();
  latched_status_.reset();
  stopped_at_.reset();
}

void Counter::write(std::uint8_t value, Clocks now) {
  settle(now);
  switch (access_) {
    case Access::kLow: return load(value, now);
    case Access::kHigh: return load(Clocks{value} << 8, now);
    default: break;
  }
  if (!write_high_next_) {
    low_byte_ = value;
    // In mode 0 the first byte stops the counter and sets OUT low.
    if (mode_ == Mode::kTerminalCount) loaded_ = counting_ = false;
  } else {
    load(value << 8 | low_byte_, now);
  }
  write_high_next_ = !write_high_next_;
}

void Counter::load(Clocks period, Clocks now) {
  if (bcd_) period = from_bcd(static_cast<std::uint16_t>(period));
  if (period == 0) period = range();
  const bool running = loaded_ && counting_;
  loaded_ = true;
  if (running && periodic() && gate_) {
    next_period_ = period;
    return;
  }
  period_ = period;
  next_period_.reset();
  if (triggered_by_gate()) return;  // waits for the trigger; a running one-shot goes on
  start(now);
}

void Counter::start(Clocks now) {
  counting_ = true;
  start_ = now;
  stopped_at_.reset();
  if (!gate_) stopped_at_ = now;
}

void Counter::settle(Clocks now) {
  if (!next_period_ || elapsed(now) < period_) return;
  start_ += period_;
  period_ = *next_period_;
  next_period_.reset();
}

void Counter::set_gate(bool level, Clocks now) {
  if (level == gate_) return;
  settle(now);
  gate_ = level;
  if (!loaded_) return;
  if (level) {
    if (periodic() || triggered_by_gate()) {
      if (next_period_) period_ = *next_period_;
      next_period_.reset();
      start(now);
    } else if (stopped_at_) {
      start_ += now - *stopped_at_;
      stopped_at_.reset();
    }
  } else if (!triggered_by_gate() && counting_) {
    stopped_at_ = now;
  }
}

bool Counter::output(Clocks now) {
  settle(now);
  if (!loaded_ || !counting_) return mode_ != Mode::kTerminalCount;
  const Clocks gone = elapsed(now);
  switch (mode_) {
    case Mode::kTerminalCount:
    case Mode::kOneShot: return gone >= period_;
    case Mode::kRate: return stopped_at_ || gone % period_ != period_ - 1;
    case Mode::kSquareWave: return stopped_at_ || gone % period_ < (period_ + 1) / 2;
    case Mode::kSoftwareStrobe:
    case Mode::kHardwareStrobe: return gone != period_;
  }
  return true;
}

std::optional<Clocks> Counter::next_rise(Clocks now) {
  settle(now);
  if (!loaded_ || !counting_ || stopped_at_) return std::nullopt;
  const Clocks gone = elapsed(now);
  Clocks when = period_;
  if (periodic()) {
    when = (gone / period_ + 1) * period_;
  } else if (mode_ == Mode::kSoftwareStrobe || mode_ == Mode::kHardwareStrobe) {
    when = period_ + 1;
  }
  if (when <= gone) return std::nullopt;
  return start_ + when;
}

// What the counting element holds.
std::uint16_t Counter::count(Clocks now) {
  settle(now);
  Clocks value = period_;
  if (counting_) {
    const Clocks gone = elapsed(now);
    switch (mode_) {
      case Mode::kRate: value = period_ - gone % period_; break;
      case Mode::kSquareWave: {
        // Counts down by two, twice per period, from the even part of the count.
        const Clocks even = period_ < 2 ? 2 : period_ & ~Clocks{1};
        value = even - 2 * (gone % period_) % even;
        break;
      }
      default: {
        // After terminal count it wraps and goes on.
        value = (period_ - gone) % range();
        if (value < 0) value += range();
      }
    }
  }
  return bcd_ ? to_bcd(value % range()) : static_cast<std::uint16_t>(value);
}

std::uint8_t Counter::status(Clocks now) {
  std::uint8_t value = static_cast<std::uint8_t>(
      static_cast<unsigned>(access_) << control::kAccessShift |
      static_cast<unsigned>(mode_) << control::kModeShift | (bcd_ ? control::kBcd : 0));
  if (output(now)) value |= status::kOut;
  if (!loaded_ || next_period_) value |= status::kNullCount;
  return value;
}

void Counter::latch_count(Clocks now) {
  if (!latched_count_) latched_count_ = count(now);  // a second latch before the read is ignored
}

void Counter::latch_status(Clocks now) {
  if (!latched_status_) latched_status_ = status(now);
}

std::uint8_t Counter::read(Clocks now) {
  if (latched_status_) {
    const std::uint8_t value = *latched_status_;
    latched_status_.reset();
    return value;
  }
  const std::uint16_t value = latched_count_ ? *latched_count_ : count(now);
  const bool high = access_ == Access::kHigh || (access_ == Access::kBoth && read_high_next_);
  if (access_ == Access::kBoth) read_high_next_ = !read_high_next_;
  if (access_ != Access::kBoth || high) latched_count_.reset();
  return static_cast<std::uint8_t>(high ? value >> 8 : value);
}

}  // namespace orrery::device::pit8254
