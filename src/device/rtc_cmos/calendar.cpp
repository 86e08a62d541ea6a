#include "device/rtc_cmos/calendar.hpp"

#include <algorithm>
#include <chrono>

namespace orrery::device::rtc_cmos {
namespace {

constexpr std::int64_t kDay = 86'400;

}  // namespace

std::uint8_t Format::encode(unsigned value) const {
  if ((register_b_ & register_b::kBinary) != 0) return static_cast<std::uint8_t>(value);
  return static_cast<std::uint8_t>((value / 10 % 10) << 4 | value % 10);
}

unsigned Format::decode(std::uint8_t raw) const {
  if ((register_b_ & register_b::kBinary) != 0) return raw;
  return (raw >> 4) * 10u + (raw & 0xf);
}

std::uint8_t Format::encode_hour(unsigned hour) const {
  if ((register_b_ & register_b::k24Hours) != 0) return encode(hour);
  const unsigned twelve = (hour + 11) % 12 + 1;
  return static_cast<std::uint8_t>(encode(twelve) | (hour >= 12 ? kAfternoon : 0));
}

unsigned Format::decode_hour(std::uint8_t raw) const {
  if ((register_b_ & register_b::k24Hours) != 0) return decode(raw);
  const unsigned twelve = decode(static_cast<std::uint8_t>(raw & ~kAfternoon)) % 12;
  return twelve + ((raw & kAfternoon) != 0 ? 12 : 0);
}

void encode_time(std::int64_t seconds, Format format, TimeRegisters& registers,
                 std::uint8_t& century) {
  using namespace std::chrono;
  const sys_seconds moment{std::chrono::seconds(seconds)};
  const sys_days day = floor<days>(moment);
  const year_month_day date(day);
  const auto second = static_cast<unsigned>((moment - day).count());
  const int year = std::max(static_cast<int>(date.year()), 0);
  registers[kSeconds] = format.encode(second % 60);
  registers[kMinutes] = format.encode(second / 60 % 60);
  registers[kHours] = format.encode_hour(second / 3600);
  registers[kDayOfWeek] = format.encode(weekday(day).c_encoding() + 1);
  registers[kDayOfMonth] = format.encode(static_cast<unsigned>(date.day()));
  registers[kMonth] = format.encode(static_cast<unsigned>(date.month()));
  registers[kYear] = format.encode(static_cast<unsigned>(year % 100));
  century = format.encode(static_cast<unsigned>(year / 100));
}

std::int64_t decode_time(const TimeRegisters& registers, std::uint8_t century, Format format) {
  using namespace std::chrono;
  const int year = static_cast<int>(format.decode(century) * 100 + format.decode(registers[kYear]));
  const unsigned month_number = std::clamp(format.decode(registers[kMonth]), 1u, 12u);
  const sys_days first(year_month_day(std::chrono::year(year), std::chrono::month(month_number),
                                      std::chrono::day(1)));
  const std::int64_t days =
      first.time_since_epoch().count() + std::int64_t{format.decode(registers[kDayOfMonth])} - 1;
  return days * kDay + format.decode_hour(registers[kHours]) * 3600 +
         format.decode(registers[kMinutes]) * 60 + format.decode(registers[kSeconds]);
}

}  // namespace orrery::device::rtc_cmos
