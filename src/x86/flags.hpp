// RFLAGS (SDM vol. 1, 3.4.3 and vol. 3A, 2.3).
#pragma once

#include <cstdint>

namespace orrery::x86::rflags {

inline constexpr std::uint64_t kCarry = 1u << 0;
inline constexpr std::uint64_t kAlwaysOne = 1u << 1;
inline constexpr std::uint64_t kParity = 1u << 2;
inline constexpr std::uint64_t kAdjust = 1u << 4;
inline constexpr std::uint64_t kZero = 1u << 6;
inline constexpr std::uint64_t kSign = 1u << 7;
inline constexpr std::uint64_t kTrap = 1u << 8;
inline constexpr std::uint64_t kInterrupt = 1u << 9;
inline constexpr std::uint64_t kDirection = 1u << 10;
inline constexpr std::uint64_t kOverflow = 1u << 11;
inline constexpr std::uint64_t kIopl = 3u << 12;
inline constexpr unsigned kIoplShift = 12;
inline constexpr std::uint64_t kNestedTask = 1u << 14;
inline constexpr std::uint64_t kResume = 1u << 16;
inline constexpr std::uint64_t kVirtual8086 = 1u << 17;
inline constexpr std::uint64_t kAlignmentCheck = 1u << 18;
inline constexpr std::uint64_t kVirtualInterrupt = 1u << 19;
inline constexpr std::uint64_t kVirtualInterruptPending = 1u << 20;
inline constexpr std::uint64_t kId = 1u << 21;

// The six flags that arithmetic sets.
inline constexpr std::uint64_t kArithmetic = kCarry | kParity | kAdjust | kZero | kSign | kOverflow;
// All defined bits; the others read as zero, except kAlwaysOne.
inline constexpr std::uint64_t kDefined = 0x003f'7fd5;

}  // namespace orrery::x86::rflags
