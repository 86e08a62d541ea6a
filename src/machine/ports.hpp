// Where the classic devices answer and which interrupt requests they have: the one list that the
// chipset, the ACPI tables and the tests share.
#pragma once

#include <cstdint>

#include "machine/memory_map.hpp"

namespace orrery::machine {

inline constexpr std::uint16_t kPicMasterPort = 0x20;
inline constexpr std::uint16_t kPicSlavePort = 0xa0;
inline constexpr std::uint16_t kElcrPort = 0x4d0;
inline constexpr std::uint16_t kPitPort = 0x40;
inline constexpr std::uint16_t kPort61 = 0x61;
inline constexpr std::uint16_t kKeyboardDataPort = 0x60;
inline constexpr std::uint16_t kKeyboardCommandPort = 0x64;
inline constexpr std::uint16_t kRtcPort = 0x70;
inline constexpr std::uint16_t kPowerManagementBase = 0x600;
inline constexpr std::uint16_t kPciConfigPort = 0xcf8;
inline constexpr std::uint16_t kResetPort = 0xcf9;
inline constexpr std::uint8_t kResetValue = 0x06;  // hard reset, both bits rise

inline constexpr unsigned kTimerIrq = 0;
inline constexpr unsigned kKeyboardIrq = 1;
inline constexpr unsigned kRtcIrq = 8;
inline constexpr unsigned kSciIrq = 9;
inline constexpr unsigned kMouseIrq = 12;

struct SerialPort {
  std::uint16_t base = 0;
  unsigned irq = 0;
};
inline constexpr SerialPort kSerialPortPlaces[] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};
inline constexpr std::uint16_t kSerialPortSize = 8;

}  // namespace orrery::machine
