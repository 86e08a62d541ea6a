// Command and register bits of the 8259A interrupt controller (Intel 8259A datasheet, order
// 231468), and the edge/level control registers that the PC adds to it (PIIX datasheet, 2.5.3
// ELCR).
#pragma once

#include <cstdint>

namespace orrery::device::pic8259 {

// A write to offset 0 is ICW1 with bit 4 set, else OCW3 with bit 3 set, else OCW2.
inline constexpr std::uint8_t kIsIcw1 = 1u << 4;
inline constexpr std::uint8_t kIsOcw3 = 1u << 3;

namespace icw1 {
inline constexpr std::uint8_t kNeedsIcw4 = 1u << 0;  // IC4
inline constexpr std::uint8_t kSingle = 1u << 1;     // SNGL: no ICW3
}  // namespace icw1

namespace icw4 {
inline constexpr std::uint8_t kAutoEoi = 1u << 1;             // AEOI
inline constexpr std::uint8_t kSpecialFullyNested = 1u << 4;  // SFNM
}  // namespace icw4

// R, SL, EOI of OCW2.
enum class Ocw2 : std::uint8_t {
  kClearRotateInAutoEoi = 0,
  kNonSpecificEoi = 1,
  kNoOperation = 2,
  kSpecificEoi = 3,
  kSetRotateInAutoEoi = 4,
  kRotateOnNonSpecificEoi = 5,
  kSetPriority = 6,
  kRotateOnSpecificEoi = 7,
};

namespace ocw3 {
inline constexpr std::uint8_t kReadIsr = 1u << 0;            // RIS, with kReadRegister
inline constexpr std::uint8_t kReadRegister = 1u << 1;       // RR
inline constexpr std::uint8_t kPoll = 1u << 2;               // P
inline constexpr std::uint8_t kSpecialMask = 1u << 5;        // SMM, with kEnableSpecialMask
inline constexpr std::uint8_t kEnableSpecialMask = 1u << 6;  // ESMM
}  // namespace ocw3

inline constexpr std::uint8_t kPollPending = 1u << 7;

inline constexpr unsigned kInputs = 8;
inline constexpr unsigned kCascadeInput = 2;   // the slave's place on the master
inline constexpr unsigned kSpuriousInput = 7;  // answered when a request went away

// Inputs whose trigger mode may be changed: not the timer, keyboard, cascade, RTC and FERR.
inline constexpr std::uint8_t kElcrMaster = 0xf8;
inline constexpr std::uint8_t kElcrSlave = 0xde;

}  // namespace orrery::device::pic8259
