// Registers of the I/O APIC (Intel 82093AA datasheet, order 290566, section 3; EOI register: ICH
// datasheets, "EOIR", for version 20h).
#pragma once

#include <cstdint>

namespace orrery::device::ioapic {

inline constexpr unsigned kPins = 24;
inline constexpr std::uint64_t kSize = 0x1000;

// Memory-mapped registers.
inline constexpr std::uint64_t kSelect = 0x00;  // IOREGSEL
inline constexpr std::uint64_t kWindow = 0x10;  // IOWIN
inline constexpr std::uint64_t kEoi = 0x40;     // EOIR

// Indirect registers.
inline constexpr std::uint8_t kId = 0x00;
inline constexpr std::uint8_t kVersion = 0x01;
inline constexpr std::uint8_t kArbitration = 0x02;
inline constexpr std::uint8_t kRedirection = 0x10;  // two per pin, low half first

inline constexpr std::uint32_t kVersionValue = (kPins - 1) << 16 | 0x20;
inline constexpr std::uint32_t kIdMask = 0x0f00'0000;

//  63      56        16    15        14         13      12     11      10..8   7..0
// | dest. | 0.. | mask | trigger | remote IRR | polarity | status | dest. mode | delivery | vector
// |
namespace redirection {
inline constexpr std::uint64_t kRemoteIrr = 1u << 14;
inline constexpr std::uint64_t kDeliveryStatus = 1u << 12;
inline constexpr std::uint64_t kLevel = 1u << 15;
inline constexpr std::uint64_t kMasked = 1u << 16;
inline constexpr std::uint64_t kReadOnly = kRemoteIrr | kDeliveryStatus;
inline constexpr std::uint64_t kDefined = 0xff00'0000'0001'ffff;
}  // namespace redirection

}  // namespace orrery::device::ioapic
