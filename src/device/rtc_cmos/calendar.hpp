// Between seconds since 1970 and the clock's registers, in its data modes (MC146818A, "Time,
// Calendar, and Alarm Locations").
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "device/rtc_cmos/registers.hpp"

namespace orrery::device::rtc_cmos {

// Registers 0 to 9; the alarm's among them are left alone.
using TimeRegisters = std::array<std::uint8_t, 10>;

// How register B wants values.
class Format {
 public:
  explicit Format(std::uint8_t register_b) : register_b_(register_b) {}

  std::uint8_t encode(unsigned value) const;
  unsigned decode(std::uint8_t raw) const;
  std::uint8_t encode_hour(unsigned hour) const;
  unsigned decode_hour(std::uint8_t raw) const;

 private:
  std::uint8_t register_b_;
};

void encode_time(std::int64_t seconds, Format format, TimeRegisters& registers,
                 std::uint8_t& century);
// Any registers at all: what is no date counts as one beyond its month's end, and so on.
std::int64_t decode_time(const TimeRegisters& registers, std::uint8_t century, Format format);

}  // namespace orrery::device::rtc_cmos
