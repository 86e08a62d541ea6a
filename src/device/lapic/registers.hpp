// Registers of the local APIC (SDM vol. 3A, chapter 11; table 11-1 gives the offsets, table 11-6
// the x2APIC MSRs, which are kMsrBase + offset / 16).
#pragma once

#include <cstdint>

namespace orrery::device::lapic {

// Number of a register: its memory-mapped offset / 16, and its MSR's distance from 800h.
enum class Register : std::uint8_t {
  kId = 0x02,
  kVersion = 0x03,
  kTaskPriority = 0x08,         // TPR
  kArbitrationPriority = 0x09,  // APR, xAPIC only
  kProcessorPriority = 0x0a,    // PPR
  kEoi = 0x0b,
  kRemoteRead = 0x0c,          // xAPIC only
  kLogicalDestination = 0x0d,  // LDR
  kDestinationFormat = 0x0e,   // DFR, xAPIC only
  kSpuriousVector = 0x0f,      // SVR
  kInService = 0x10,           // 8 registers
  kTriggerMode = 0x18,         // 8 registers
  kInterruptRequest = 0x20,    // 8 registers
  kErrorStatus = 0x28,         // ESR
  kInterruptCommand = 0x30,    // ICR, low half; x2APIC: all of it
  kInterruptCommandHigh = 0x31,
  kLvtTimer = 0x32,
  kLvtThermal = 0x33,
  kLvtPerformance = 0x34,
  kLvtLint0 = 0x35,
  kLvtLint1 = 0x36,
  kLvtError = 0x37,
  kInitialCount = 0x38,
  kCurrentCount = 0x39,
  kDivideConfiguration = 0x3e,
  kSelfIpi = 0x3f,  // x2APIC only
};

inline constexpr std::uint64_t kPageSizeOfRegisters = 0x1000;

// MSRs (SDM vol. 4, table 2-2).
inline constexpr std::uint32_t kMsrApicBase = 0x1b;
inline constexpr std::uint32_t kMsrTscDeadline = 0x6e0;
inline constexpr std::uint32_t kMsrX2Base = 0x800;
inline constexpr std::uint32_t kMsrX2Last = 0x8ff;

namespace apic_base {  // 11.4.4
inline constexpr std::uint64_t kBootstrapProcessor = 1u << 8;
inline constexpr std::uint64_t kX2Enable = 1u << 10;  // EXTD
inline constexpr std::uint64_t kEnable = 1u << 11;
inline constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
inline constexpr std::uint64_t kReset = 0xfee0'0000;
}  // namespace apic_base

// 11.4.8: an integrated APIC with six LVT entries.
inline constexpr std::uint32_t kVersionValue = 5u << 16 | 0x14;

namespace svr {  // 11.9
inline constexpr std::uint32_t kEnable = 1u << 8;
inline constexpr std::uint32_t kWritable = 0x1ff;
inline constexpr std::uint32_t kReset = 0xff;
}  // namespace svr

namespace lvt {  // 11.5.1, figure 11-8
inline constexpr unsigned kEntries = 6;
inline constexpr std::uint32_t kRemoteIrr = 1u << 14;
inline constexpr std::uint32_t kLevel = 1u << 15;
inline constexpr std::uint32_t kMasked = 1u << 16;
// Writable bits of timer, thermal, performance, LINT0, LINT1, error.
inline constexpr std::uint32_t kWritable[kEntries] = {0x7'00ff, 0x1'07ff, 0x1'07ff,
                                                      0x1'a7ff, 0x1'a7ff, 0x1'00ff};
}  // namespace lvt

enum class TimerMode : std::uint8_t { kOneShot = 0, kPeriodic = 1, kTscDeadline = 2 };

namespace esr {  // 11.5.3
inline constexpr std::uint32_t kSendIllegalVector = 1u << 5;
inline constexpr std::uint32_t kReceiveIllegalVector = 1u << 6;
inline constexpr std::uint32_t kIllegalRegister = 1u << 7;
}  // namespace esr

namespace icr {  // 11.6.1
inline constexpr std::uint64_t kAssert = 1u << 14;
inline constexpr std::uint64_t kLevel = 1u << 15;
inline constexpr std::uint64_t kWritable = 0xffff'ffff'000c'cfff;
inline constexpr std::uint64_t kX2Reserved = 0x0000'0000'fff3'2000;  // bit 12 was delivery status
}  // namespace icr

enum class Shorthand : std::uint8_t { kNone = 0, kSelf = 1, kAll = 2, kAllButSelf = 3 };

inline constexpr std::uint8_t kLowestVector = 16;  // 0 to 15 are illegal

// Input clock of the timer; CPUID leaf 15h gives it as the core crystal's frequency.
inline constexpr std::int64_t kTimerFrequency = 1'000'000'000;

}  // namespace orrery::device::lapic
