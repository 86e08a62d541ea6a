#include "device/pit8254/pit8254.hpp"

#include "base/bits.hpp"

namespace orrery::device::pit8254 {
namespace {

__extension__ using Wide = __int128;

Clocks to_clocks(Ticks time) {
  return static_cast<Clocks>(Wide{time.value()} * kFrequency / kTicksPerSecond.value());
}

// The first moment at which CLOCKS have passed.
Ticks to_time(Clocks clocks) {
  return Ticks(static_cast<std::int64_t>((Wide{clocks} * kTicksPerSecond.value() + kFrequency - 1) /
                                         kFrequency));
}

// Rises that follow each other in less than 10 microseconds are not shown one by one: no guest
// serves interrupts at that rate, and each would cost the host a timer.
constexpr Clocks kShortestPeriod = 12;

}  // namespace

Pit8254::Pit8254(Host& host) : host_(host), timer_(host.create_timer([this] { ring(); })) {
  reset();
}

void Pit8254::reset() {
  r_ = {};
  r_.counters[2].set_gate(false, clocks());
  timer_->cancel();
  update_output();
}

Clocks Pit8254::clocks() const {
  return to_clocks(host_.now());
}

std::uint64_t Pit8254::read(unsigned region, std::uint64_t offset, Width width) {
  if (width != Width::k8) return mask_of(width);
  if (region == kPort61) return read_port61();
  if (offset >= kControlOffset) return 0xff;  // the control word can not be read
  return r_.counters[offset].read(clocks());
}

void Pit8254::write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) {
  if (width != Width::k8) return;
  const auto byte = static_cast<std::uint8_t>(value);
  if (region == kPort61) {
    r_.port61 = byte & port61::kWritable;
    r_.counters[2].set_gate((byte & port61::kGate2) != 0, clocks());
    return;
  }
  if (offset == kControlOffset) {
    write_control(byte);
  } else if (offset < kControlOffset) {
    r_.counters[offset].write(byte, clocks());
  }
  update_output();
}

std::uint8_t Pit8254::read_port61() {
  const Clocks now = clocks();
  std::uint8_t value = r_.port61;
  if ((now / port61::kRefreshClocks) % 2 != 0) value |= port61::kRefresh;
  if (r_.counters[2].output(now)) value |= port61::kOut2;
  return value;
}

void Pit8254::write_control(std::uint8_t value) {
  const Clocks now = clocks();
  const unsigned which = value >> control::kCounterShift;
  if (which != control::kReadBack) return r_.counters[which].write_control(value, now);
  for (unsigned i = 0; i < r_.counters.size(); ++i) {
    if (!bit(value, read_back::kCounter0Bit + i)) continue;
    if ((value & read_back::kNoCount) == 0) r_.counters[i].latch_count(now);
    if ((value & read_back::kNoStatus) == 0) r_.counters[i].latch_status(now);
  }
}

// OUT of counter 0 rises now. A rate generator's low pulse lasts one clock (less than a
// microsecond) and is shown here as no time at all.
void Pit8254::ring() {
  host_.set_line(0, false);
  host_.set_line(0, true);
  schedule(clocks() + kShortestPeriod);
}

void Pit8254::update_output() {
  const Clocks now = clocks();
  host_.set_line(0, r_.counters[0].output(now));
  schedule(now);
}

void Pit8254::schedule(Clocks now) {
  if (const auto next = r_.counters[0].next_rise(now)) {
    timer_->arm(to_time(*next));
  } else {
    timer_->cancel();
  }
}

}  // namespace orrery::device::pit8254
