// Registers of the 8254 programmable interval timer (Intel 8254 datasheet, order 231164), and of
// the PC's port 61h, which holds its channel 2 (PIIX datasheet, "NMI status and control").
#pragma once

#include <cstdint>

namespace orrery::device::pit8254 {

// Input clock of all three counters: a third of the NTSC colour burst.
inline constexpr std::int64_t kFrequency = 1'193'182;

inline constexpr unsigned kControlOffset = 3;  // 43h; 0 to 2 are the counters

namespace control {  // "Control Word Format"
inline constexpr unsigned kCounterShift = 6;
inline constexpr unsigned kReadBack = 3;  // in place of a counter's number
inline constexpr unsigned kAccessShift = 4;
inline constexpr unsigned kModeShift = 1;
inline constexpr std::uint8_t kBcd = 1u << 0;
}  // namespace control

namespace read_back {  // "Read-Back Command"
inline constexpr std::uint8_t kNoCount = 1u << 5;
inline constexpr std::uint8_t kNoStatus = 1u << 4;
inline constexpr unsigned kCounter0Bit = 1;
}  // namespace read_back

namespace status {  // "Status Byte"
inline constexpr std::uint8_t kOut = 1u << 7;
inline constexpr std::uint8_t kNullCount = 1u << 6;
}  // namespace status

// RW1, RW0 of the control word.
enum class Access : std::uint8_t { kLatch = 0, kLow = 1, kHigh = 2, kBoth = 3 };

enum class Mode : std::uint8_t {
  kTerminalCount = 0,  // interrupt on terminal count
  kOneShot = 1,        // hardware retriggerable one-shot
  kRate = 2,           // rate generator
  kSquareWave = 3,
  kSoftwareStrobe = 4,
  kHardwareStrobe = 5,
};

namespace port61 {
inline constexpr std::uint8_t kGate2 = 1u << 0;
inline constexpr std::uint8_t kSpeaker = 1u << 1;
inline constexpr std::uint8_t kWritable = 0x0f;
inline constexpr std::uint8_t kRefresh = 1u << 4;  // toggles with every refresh request
inline constexpr std::uint8_t kOut2 = 1u << 5;
// Counter 1 requests a refresh every 18 input clocks on a PC.
inline constexpr std::int64_t kRefreshClocks = 18;
}  // namespace port61

}  // namespace orrery::device::pit8254
