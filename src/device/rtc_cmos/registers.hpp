// Registers of the MC146818A real-time clock (Motorola datasheet ADI856, "Memory Map"), and what
// firmware keeps in the CMOS memory behind them.
#pragma once

#include <cstdint>

namespace orrery::device::rtc_cmos {

inline constexpr unsigned kBytes = 128;

enum Index : std::uint8_t {
  kSeconds = 0x00,
  kSecondsAlarm = 0x01,
  kMinutes = 0x02,
  kMinutesAlarm = 0x03,
  kHours = 0x04,
  kHoursAlarm = 0x05,
  kDayOfWeek = 0x06,  // 1 is Sunday
  kDayOfMonth = 0x07,
  kMonth = 0x08,
  kYear = 0x09,
  kRegisterA = 0x0a,
  kRegisterB = 0x0b,
  kRegisterC = 0x0c,
  kRegisterD = 0x0d,
  kCentury = 0x32,  // as FADT.CENTURY says
};

namespace register_a {
inline constexpr std::uint8_t kUpdateInProgress = 1u << 7;  // UIP
inline constexpr std::uint8_t kDivider = 7u << 4;           // DV
inline constexpr std::uint8_t kRunning = 2u << 4;           // DV for the 32.768 kHz crystal
inline constexpr std::uint8_t kRate = 0x0f;                 // RS
inline constexpr std::uint8_t kFirmware = kRunning | 0x06;  // 1024 Hz
}  // namespace register_a

namespace register_b {
inline constexpr std::uint8_t kSet = 1u << 7;
inline constexpr std::uint8_t k24Hours = 1u << 1;
inline constexpr std::uint8_t kBinary = 1u << 2;  // DM
}  // namespace register_b

// Flags in register C, and their enables at the same places in register B.
namespace interrupt {
inline constexpr std::uint8_t kPeriodic = 1u << 6;
inline constexpr std::uint8_t kAlarm = 1u << 5;
inline constexpr std::uint8_t kUpdateEnded = 1u << 4;
inline constexpr std::uint8_t kAny = kPeriodic | kAlarm | kUpdateEnded;
inline constexpr std::uint8_t kRequest = 1u << 7;  // IRQF
}  // namespace interrupt

inline constexpr std::uint8_t kValid = 1u << 7;      // register D: VRT
inline constexpr std::uint8_t kAlarmAnyFrom = 0xc0;  // "don't care" codes
inline constexpr std::uint8_t kAfternoon = 1u << 7;  // of hours, in 12-hour mode

inline constexpr std::int64_t kCrystal = 32'768;
// UIP is high this long before the registers change ("Update Cycle", tBUC).
inline constexpr std::int64_t kBeforeUpdate = 244'000;

// What a PC's firmware leaves in the CMOS memory about the machine.
enum FirmwareIndex : std::uint8_t {
  kBaseMemoryLow = 0x15,           // KiB below 1 MiB
  kExtendedMemoryLow = 0x17,       // KiB above 1 MiB, at most 65535
  kExtendedMemoryLowAgain = 0x30,  //   the same again
  kMemoryAbove16MibLow = 0x34,     // 64 KiB units
  kMemoryAbove4GibLow = 0x5b,      // 64 KiB units, three bytes
  kProcessorsMinusOne = 0x5f,
};

}  // namespace orrery::device::rtc_cmos
