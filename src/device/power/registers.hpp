// ACPI fixed hardware (ACPI 6.5, 4.8.3), laid out as in the PIIX4's power management function
// (82371AB datasheet, 7.2).
#pragma once

#include <cstdint>

namespace orrery::device::power {

// Regions, with their places relative to PMBASE.
inline constexpr unsigned kEvent = 0;    // PM1a_EVT_BLK: PM1_STS, PM1_EN
inline constexpr unsigned kControl = 1;  // PM1a_CNT_BLK: PM1_CNT
inline constexpr unsigned kTimer = 2;    // PM_TMR_BLK
inline constexpr unsigned kGeneral = 3;  // GPE0_BLK: GPE0_STS, GPE0_EN

struct Block {
  std::uint16_t offset = 0;  // from PMBASE
  std::uint8_t size = 0;
};
inline constexpr Block kBlocks[] = {{0x00, 4}, {0x04, 2}, {0x08, 4}, {0x0c, 4}};

namespace pm1 {  // 4.8.3.1; status and enable at the same places
inline constexpr std::uint16_t kTimer = 1u << 0;
inline constexpr std::uint16_t kGlobal = 1u << 5;
inline constexpr std::uint16_t kPowerButton = 1u << 8;
inline constexpr std::uint16_t kSleepButton = 1u << 9;
inline constexpr std::uint16_t kRtc = 1u << 10;
inline constexpr std::uint16_t kWake = 1u << 15;  // status only
inline constexpr std::uint16_t kEnables = kTimer | kGlobal | kPowerButton | kSleepButton | kRtc;
}  // namespace pm1

namespace control {  // 4.8.3.2
inline constexpr std::uint16_t kSciEnable = 1u << 0;
inline constexpr unsigned kSleepTypeShift = 10;
inline constexpr std::uint16_t kSleepType = 7u << kSleepTypeShift;
inline constexpr std::uint16_t kSleepEnable = 1u << 13;  // write-only
inline constexpr std::uint16_t kStored = 0x0002 | kSleepType;
}  // namespace control

// Value of SLP_TYP for soft-off, as the DSDT's \_S5 says.
inline constexpr unsigned kSleepTypeSoftOff = 5;

inline constexpr std::int64_t kTimerFrequency = 3'579'545;  // 4.8.3.3

}  // namespace orrery::device::power
