#include "device/rtc_cmos/rtc_cmos.hpp"

#include <algorithm>

namespace orrery::device::rtc_cmos {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400;

constexpr bool is_time(std::uint8_t index) {
  return index <= kYear && index != kSecondsAlarm && index != kMinutesAlarm && index != kHoursAlarm;
}

}  // namespace

RtcCmos::RtcCmos(Host& host, Ticks epoch)
    : host_(host), timer_(host.create_timer([this] {
        settle();
        update();
      })) {
  r_.offset = epoch.value();
  r_.settled = clock();
}

// Keeps arithmetic on the clock's time within 64 bits: years 1970 to 2116 or so.
bool RtcCmos::Registers::valid() const {
  constexpr std::int64_t kLimit = std::int64_t{1} << 62;
  return offset > -kLimit && offset < kLimit && settled > -kLimit && settled < kLimit &&
         index < kBytes;
}

void RtcCmos::set_cmos(std::uint8_t index, std::uint8_t value) {
  if (index > kRegisterD && index < kBytes) r_.memory[index] = value;
}

void RtcCmos::reset() {  // "RESET": clears the enables and flags, nothing else
  settle();
  r_.index = 0;
  r_.b &= static_cast<std::uint8_t>(~interrupt::kAny);
  r_.c = 0;
  update();
}

std::uint64_t RtcCmos::read(unsigned /*region*/, std::uint64_t offset, Width width) {
  // The index port is write-only on a PC.
  if (width != Width::k8 || offset != 1) return mask_of(width);
  const std::uint8_t value = read_data();
  update();
  return value;
}

void RtcCmos::write(unsigned /*region*/, std::uint64_t offset, Width width, std::uint64_t value) {
  if (width != Width::k8 || offset > 1) return;
  if (offset == 0) {
    r_.index = value & (kBytes - 1);  // bit 7 masks NMIs, of which this machine has no source
    return;
  }
  settle();
  write_data(static_cast<std::uint8_t>(value));
  update();
}

std::uint8_t RtcCmos::read_data() {
  const std::uint8_t index = r_.index;
  switch (index) {
    case kRegisterA: return read_a();
    case kRegisterB: return r_.b;
    case kRegisterC: return read_c();
    case kRegisterD: return kValid;
    default: break;
  }
  if (index != kCentury && !is_time(index)) {
    return index <= kYear ? r_.time[index] : r_.memory[index];
  }
  TimeRegisters time = r_.time;
  std::uint8_t century = r_.memory[kCentury];
  if (!frozen()) encode_time(clock() / kSecond, format(), time, century);
  return index == kCentury ? century : time[index];
}

void RtcCmos::write_data(std::uint8_t value) {
  const std::uint8_t index = r_.index;
  switch (index) {
    case kRegisterA:
      r_.a = value & static_cast<std::uint8_t>(~register_a::kUpdateInProgress);
      break;
    case kRegisterB: write_b(value); break;
    case kRegisterC:
    case kRegisterD: break;  // read-only
    default:
      if (index == kCentury || is_time(index)) {
        write_time(index, value);
      } else if (index <= kYear) {
        r_.time[index] = value;
      } else {
        r_.memory[index] = value;
      }
  }
}

void RtcCmos::write_time(std::uint8_t index, std::uint8_t value) {
  const bool was_frozen = frozen();
  if (!was_frozen) freeze();
  (index == kCentury ? r_.memory[kCentury] : r_.time[index]) = value;
  if (!was_frozen) thaw();
}

void RtcCmos::write_b(std::uint8_t value) {
  const bool was_frozen = frozen();
  const bool freezes = (value & register_b::kSet) != 0;
  // Register values keep their meaning only in the mode they were written in, so the clock is
  // stopped in the old mode and started in the new one.
  if (!was_frozen && freezes) freeze();
  r_.b = value;
  if (freezes) r_.b &= static_cast<std::uint8_t>(~interrupt::kUpdateEnded);  // SET clears UIE
  if (was_frozen && !freezes) thaw();
}

void RtcCmos::freeze() {
  encode_time(clock() / kSecond, format(), r_.time, r_.memory[kCentury]);
}

void RtcCmos::thaw() {
  const std::int64_t now = clock();
  constexpr std::int64_t kLastSecond = (std::int64_t{1} << 62) / kSecond - kDay;
  const std::int64_t seconds =
      std::clamp<std::int64_t>(decode_time(r_.time, r_.memory[kCentury], format()), 0, kLastSecond);
  r_.offset += seconds * kSecond + now % kSecond - now;
  r_.settled = clock();
}

std::uint8_t RtcCmos::read_a() const {
  const bool runs = !frozen() && (r_.a & register_a::kDivider) == register_a::kRunning;
  const bool soon = clock() % kSecond >= kSecond - kBeforeUpdate;
  return r_.a | (runs && soon ? register_a::kUpdateInProgress : 0);
}

std::uint8_t RtcCmos::read_c() {
  settle();
  const std::uint8_t value =
      r_.c | ((r_.c & r_.b & interrupt::kAny) != 0 ? interrupt::kRequest : 0);
  r_.c = 0;
  return value;
}

// "Periodic Interrupt Selection": rates 1 and 2 are those of 8 and 9 with this crystal.
std::int64_t RtcCmos::period() const {
  unsigned rate = r_.a & register_a::kRate;
  if (rate == 0) return 0;
  if (rate <= 2) rate += 7;
  return (std::int64_t{1} << (rate - 1)) * kSecond / kCrystal;
}

// How many seconds after SECOND the alarm may go off at the earliest: 0 if it does at SECOND.
std::int64_t RtcCmos::alarm_distance(std::int64_t second) const {
  const auto of_day = static_cast<unsigned>((second % kDay + kDay) % kDay);
  const auto matches = [this](Index index, std::uint8_t now) {
    return r_.time[index] >= kAlarmAnyFrom || r_.time[index] == now;
  };
  if (!matches(kHoursAlarm, format().encode_hour(of_day / 3600))) return 3600 - of_day % 3600;
  if (!matches(kMinutesAlarm, format().encode(of_day / 60 % 60))) return 60 - of_day % 60;
  return matches(kSecondsAlarm, format().encode(of_day % 60)) ? 0 : 1;
}

// The first second after AFTER, and at most UNTIL, at which the alarm goes off.
std::optional<std::int64_t> RtcCmos::next_alarm(std::int64_t after, std::int64_t until) const {
  until = std::min(until, after + kDay);
  for (std::int64_t second = after + 1; second <= until;) {
    const std::int64_t distance = alarm_distance(second);
    if (distance == 0) return second;
    second += distance;
  }
  return std::nullopt;
}

void RtcCmos::settle() {
  const std::int64_t now = clock();
  const std::int64_t before = std::exchange(r_.settled, now);
  if (now <= before) return;
  const std::int64_t p = period();
  if (p != 0 && before / p != now / p) r_.c |= interrupt::kPeriodic;
  if (frozen() || before / kSecond == now / kSecond) return;
  r_.c |= interrupt::kUpdateEnded;
  if (next_alarm(before / kSecond, now / kSecond)) r_.c |= interrupt::kAlarm;
}

void RtcCmos::update() {
  host_.set_line(0, (r_.c & r_.b & interrupt::kAny) != 0);
  if (const auto next = next_event()) {
    timer_->arm(Ticks(*next - r_.offset));
  } else {
    timer_->cancel();
  }
}

// When a flag that raises an interrupt will next be set, in the clock's time. What is set already
// raises nothing new.
std::optional<std::int64_t> RtcCmos::next_event() const {
  const std::int64_t now = r_.settled;
  std::optional<std::int64_t> next;
  const auto sooner = [&](std::int64_t when) { next = next ? std::min(*next, when) : when; };
  const std::uint8_t wanted = r_.b & static_cast<std::uint8_t>(~r_.c);
  const std::int64_t p = period();
  if ((wanted & interrupt::kPeriodic) != 0 && p != 0) sooner((now / p + 1) * p);
  if (frozen()) return next;
  if ((wanted & interrupt::kUpdateEnded) != 0) sooner((now / kSecond + 1) * kSecond);
  if ((wanted & interrupt::kAlarm) != 0) {
    const auto second = next_alarm(now / kSecond, now / kSecond + kDay);
    if (second) sooner(*second * kSecond);
  }
  return next;
}

}  // namespace orrery::device::rtc_cmos
