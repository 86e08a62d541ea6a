// One of the 8254's three counters (Intel 8254 datasheet, "Mode Definitions").
//
// A counter has no ticking of its own: what it shows follows from when it was loaded. Times are in
// input clocks since power-up.
#pragma once

#include <cstdint>
#include <optional>

#include "device/pit8254/registers.hpp"

namespace orrery::device::pit8254 {

using Clocks = std::int64_t;

class Counter {
 public:
  void write_control(std::uint8_t value, Clocks now);
  void write(std::uint8_t value, Clocks now);
  std::uint8_t read(Clocks now);
  void latch_count(Clocks now);
  void latch_status(Clocks now);
  void set_gate(bool level, Clocks now);

  // Applies a new period that has begun by now, which the other calls do by themselves.
  void settle(Clocks now);
  bool output(Clocks now);
  // When the output next rises, if it will.
  std::optional<Clocks> next_rise(Clocks now);

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive("mode", self.mode_);
    archive("access", self.access_);
    archive("bcd", self.bcd_);
    archive("gate", self.gate_);
    archive("loaded", self.loaded_);
    archive("counting", self.counting_);
    archive("period", self.period_);
    archive("next_period", self.next_period_);
    archive("start", self.start_);
    archive("stopped_at", self.stopped_at_);
    archive("low_byte", self.low_byte_);
    archive("write_high_next", self.write_high_next_);
    archive("read_high_next", self.read_high_next_);
    archive("latched_count", self.latched_count_);
    archive("latched_status", self.latched_status_);
  }
  bool valid() const;

 private:
  static constexpr Clocks kBinaryRange = 0x1'0000;
  static constexpr Clocks kDecimalRange = 10'000;

  Clocks range() const { return bcd_ ? kDecimalRange : kBinaryRange; }
  bool periodic() const { return mode_ == Mode::kRate || mode_ == Mode::kSquareWave; }
  bool triggered_by_gate() const {
    return mode_ == Mode::kOneShot || mode_ == Mode::kHardwareStrobe;
  }
  // Clocks since the count was loaded; stands still while the gate stops the counter.
  Clocks elapsed(Clocks now) const { return (stopped_at_ ? *stopped_at_ : now) - start_; }
  void load(Clocks period, Clocks now);
  void start(Clocks now);
  std::uint16_t count(Clocks now);
  std::uint8_t status(Clocks now);

  Mode mode_ = Mode::kTerminalCount;
  Access access_ = Access::kBoth;
  bool bcd_ = false;
  bool gate_ = true;
  bool loaded_ = false;    // a count was written since the control word
  bool counting_ = false;  // ... and, where the gate triggers, it has
  Clocks period_ = kBinaryRange;
  std::optional<Clocks> next_period_;  // takes effect when the running period ends (modes 2, 3)
  Clocks start_ = 0;
  std::optional<Clocks> stopped_at_;
  std::uint8_t low_byte_ = 0;
  bool write_high_next_ = false;
  bool read_high_next_ = false;
  std::optional<std::uint16_t> latched_count_;
  std::optional<std::uint8_t> latched_status_;
};

}  // namespace orrery::device::pit8254
