#include "device/power/power.hpp"

#include <iterator>

#include "base/bits.hpp"

namespace orrery::device::power {
namespace {

__extension__ using Wide = __int128;

// The timer counts 32 bits; a status bit is set whenever the highest changes.
constexpr std::int64_t kHalf = std::int64_t{1} << 31;

std::int64_t clocks(Ticks time) {
  return static_cast<std::int64_t>(Wide{time.value()} * kTimerFrequency / kTicksPerSecond.value());
}

void set_byte(std::uint16_t& word, unsigned offset, std::uint8_t value) {
  const unsigned shift = offset % 2 * 8;
  word = static_cast<std::uint16_t>((word & ~(0xffu << shift)) | unsigned{value} << shift);
}

// Status bits are cleared by writing ones.
void clear_byte(std::uint16_t& word, unsigned offset, std::uint8_t value) {
  word = static_cast<std::uint16_t>(word & ~(unsigned{value} << offset % 2 * 8));
}

}  // namespace

Power::Power(Host& host) : host_(host), timer_(host.create_timer([this] { update(); })) {}

void Power::reset() {
  r_ = {};
  r_.timer_high = bit(timer_value(), 31);
  update();
}

void Power::press_power_button() {
  r_.status |= pm1::kPowerButton;
  update();
}

std::uint32_t Power::timer_value() const {
  return static_cast<std::uint32_t>(clocks(host_.now()));
}

std::uint32_t Power::register_value(unsigned region) {
  switch (region) {
    case kEvent: return r_.status | std::uint32_t{r_.enable} << 16;
    case kControl: return r_.control | control::kSciEnable;
    case kTimer: return timer_value();
    case kGeneral: return r_.general_status | std::uint32_t{r_.general_enable} << 16;
    default: return 0xffff'ffff;
  }
}

std::uint64_t Power::read(unsigned region, std::uint64_t offset, Width width) {
  if (region >= std::size(kBlocks) || offset + bytes_of(width) > kBlocks[region].size) {
    return mask_of(width);
  }
  settle_timer();
  return (register_value(region) >> offset * 8) & mask_of(width);
}

void Power::write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) {
  if (region >= std::size(kBlocks) || offset + bytes_of(width) > kBlocks[region].size) return;
  settle_timer();
  for (unsigned i = 0; i < bytes_of(width); ++i) {
    write_byte(region, static_cast<unsigned>(offset) + i,
               static_cast<std::uint8_t>(value >> i * 8));
  }
  update();
}

void Power::write_byte(unsigned region, unsigned offset, std::uint8_t value) {
  switch (region) {
    case kEvent:
      if (offset < 2) {
        clear_byte(r_.status, offset, value);
      } else {
        set_byte(r_.enable, offset, value);
        r_.enable &= pm1::kEnables;
      }
      break;
    case kControl: write_control(offset, value); break;
    case kGeneral:
      if (offset < 2) {
        clear_byte(r_.general_status, offset, value);
      } else {
        set_byte(r_.general_enable, offset, value);
      }
      break;
    default: break;  // the timer can not be written
  }
}

void Power::write_control(unsigned offset, std::uint8_t value) {
  std::uint16_t word = r_.control;
  set_byte(word, offset, value);
  r_.control = word & control::kStored;
  if ((word & control::kSleepEnable) == 0) return;
  const unsigned type = bits(word, 12, 10);
  if (type == kSleepTypeSoftOff) host_.request_power(PowerRequest::kOff);
}

void Power::settle_timer() {
  const bool high = bit(timer_value(), 31);
  if (high != r_.timer_high) r_.status |= pm1::kTimer;
  r_.timer_high = high;
}

void Power::update() {
  settle_timer();
  publish();
}

void Power::publish() {
  const bool fixed = (r_.status & r_.enable) != 0;
  const bool general = (r_.general_status & r_.general_enable) != 0;
  host_.set_line(0, fixed || general);
  if ((r_.enable & pm1::kTimer) == 0) return timer_->cancel();
  const std::int64_t next = (clocks(host_.now()) / kHalf + 1) * kHalf;
  const Wide time = (Wide{next} * kTicksPerSecond.value() + kTimerFrequency - 1) / kTimerFrequency;
  timer_->arm(Ticks(static_cast<std::int64_t>(time)));
}

}  // namespace orrery::device::power
