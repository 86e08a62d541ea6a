// Page-table entries of all paging modes (SDM vol. 3A, 4.3 to 4.5).
//
//    63  62..52   51 .......... 12   11..9  8   7    6   5   4    3    2    1    0
//   | XD |  -   | physical address |  -   | G | PS | D | A | PCD | PWT | U/S | R/W | P |
//
// PS at the lowest level is the PAT bit; 32-bit paging has entries of 4 bytes with the same low
// half.
#pragma once

#include <cstdint>

namespace orrery::x86::page_entry {

inline constexpr std::uint64_t kPresent = 1u << 0;
inline constexpr std::uint64_t kWritable = 1u << 1;
inline constexpr std::uint64_t kUser = 1u << 2;
inline constexpr std::uint64_t kAccessed = 1u << 5;
inline constexpr std::uint64_t kDirty = 1u << 6;
inline constexpr std::uint64_t kLarge = 1u << 7;  // PS
inline constexpr std::uint64_t kGlobal = 1u << 8;
inline constexpr std::uint64_t kExecuteDisable = std::uint64_t{1} << 63;

}  // namespace orrery::x86::page_entry

namespace orrery::x86 {

// MAXPHYADDR as CPUID leaf 8000'0008h reports it: 1 TiB, more than any guest here is given.
inline constexpr unsigned kPhysicalAddressBits = 40;
inline constexpr std::uint64_t kPhysicalAddressMask =
    (std::uint64_t{1} << kPhysicalAddressBits) - 1;

}  // namespace orrery::x86
