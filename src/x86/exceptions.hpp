// Vectors of the processor's own exceptions (SDM vol. 3A, 6.3.1, table 6-1).
#pragma once

#include <cstdint>

namespace orrery::x86 {

enum class Exception : std::uint8_t {
  kDivideError = 0,
  kDebug = 1,
  kNonMaskableInterrupt = 2,
  kBreakpoint = 3,
  kOverflow = 4,
  kBoundRange = 5,
  kInvalidOpcode = 6,
  kDeviceNotAvailable = 7,
  kDoubleFault = 8,
  kInvalidTss = 10,
  kSegmentNotPresent = 11,
  kStackFault = 12,
  kGeneralProtection = 13,
  kPageFault = 14,
  kX87FloatingPoint = 16,
  kAlignmentCheck = 17,
  kMachineCheck = 18,
  kSimdFloatingPoint = 19,
};

// Whether delivery pushes an error code.
constexpr bool has_error_code(Exception exception) {
  switch (exception) {
    case Exception::kDoubleFault:
    case Exception::kInvalidTss:
    case Exception::kSegmentNotPresent:
    case Exception::kStackFault:
    case Exception::kGeneralProtection:
    case Exception::kPageFault:
    case Exception::kAlignmentCheck: return true;
    default: return false;
  }
}

// Page-fault error code bits (SDM vol. 3A, 4.7).
namespace page_fault {
inline constexpr std::uint32_t kPresent = 1u << 0;
inline constexpr std::uint32_t kWrite = 1u << 1;
inline constexpr std::uint32_t kUser = 1u << 2;
inline constexpr std::uint32_t kReservedBit = 1u << 3;
inline constexpr std::uint32_t kInstructionFetch = 1u << 4;
}  // namespace page_fault

// Error codes that name a selector (SDM vol. 3A, 6.13).
namespace selector_error {
inline constexpr std::uint32_t kExternal = 1u << 0;
inline constexpr std::uint32_t kIdt = 1u << 1;
inline constexpr std::uint32_t kLdt = 1u << 2;
}  // namespace selector_error

}  // namespace orrery::x86
