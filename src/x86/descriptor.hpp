// Selectors and the entries of the GDT, LDT and IDT (SDM vol. 3A, 3.4.2, 3.4.5, 3.5, 5.8.3, 6.11
// and 6.14.1).
#pragma once

#include <cstdint>

#include "base/bits.hpp"
#include "x86/exceptions.hpp"
#include "x86/segment.hpp"

namespace orrery::x86 {

// Segment selector (SDM vol. 3A, 3.4.2):
//
//    15 ................ 3   2   1 0
//   |        index         | TI | RPL |
class SegmentSelector {
 public:
  constexpr SegmentSelector() = default;
  constexpr explicit SegmentSelector(std::uint64_t raw) : raw_(static_cast<std::uint16_t>(raw)) {}

  constexpr std::uint16_t raw() const { return raw_; }
  constexpr unsigned rpl() const { return raw_ & 3u; }
  constexpr bool is_local() const { return bit(raw_, 2); }
  constexpr bool is_null() const { return (raw_ & ~3u) == 0; }
  // Byte offset of the entry within its table.
  constexpr unsigned offset() const { return raw_ & ~7u; }
  // As it stands in an error code, without EXT (SDM vol. 3A, 6.13).
  constexpr std::uint32_t error_code() const { return raw_ & ~3u; }
  constexpr SegmentSelector with_rpl(unsigned rpl) const {
    return SegmentSelector((raw_ & ~3u) | rpl);
  }

  friend constexpr bool operator==(SegmentSelector, SegmentSelector) = default;

 private:
  std::uint16_t raw_ = 0;
};

// Types of system segments and gates (SDM vol. 3A, table 3-2). In IA-32e mode only those marked (*)
// exist, in their 64-bit form.
enum class SystemType : std::uint8_t {
  kTss16Available = 1,
  kLdt = 2,  // (*)
  kTss16Busy = 3,
  kCallGate16 = 4,
  kTaskGate = 5,
  kInterruptGate16 = 6,
  kTrapGate16 = 7,
  kTss32Available = 9,    // (*)
  kTss32Busy = 11,        // (*)
  kCallGate32 = 12,       // (*)
  kInterruptGate32 = 14,  // (*)
  kTrapGate32 = 15,       // (*)
};

inline constexpr unsigned kTssBusyBit = 2;  // within the type

constexpr bool is_tss(SystemType type) {
  return (static_cast<unsigned>(type) & 0b0101) == 0b0001;
}
constexpr bool is_available_tss(SystemType type) {
  return type == SystemType::kTss16Available || type == SystemType::kTss32Available;
}
constexpr bool is_busy_tss(SystemType type) {
  return type == SystemType::kTss16Busy || type == SystemType::kTss32Busy;
}
constexpr bool is_call_gate(SystemType type) {
  return type == SystemType::kCallGate16 || type == SystemType::kCallGate32;
}
// 32-bit (or, in IA-32e mode, 64-bit) rather than 16-bit gates and TSSs.
constexpr bool is_wide(SystemType type) {
  return (static_cast<unsigned>(type) & 8) != 0;
}
// Interrupt gates clear IF, trap gates leave it.
constexpr bool is_interrupt_gate(SystemType type) {
  return type == SystemType::kInterruptGate16 || type == SystemType::kInterruptGate32;
}
constexpr bool is_trap_gate(SystemType type) {
  return type == SystemType::kTrapGate16 || type == SystemType::kTrapGate32;
}

// An entry of a descriptor table; which view is right follows from S and the type.
//
// Segment:
//    63 .. 56   55  54  53  52    51 .. 48   47  46 45  44  43..40   39 ......... 16   15 ...... 0
//   |base31:24| G |D/B| L |AVL|limit 19:16| P | DPL | S | type |  base 23:0       | limit 15:0  |
// Gate:
//    63 ................. 48   47  46 45  44  43..40  39..37  36..32   31 ...... 16   15 ...... 0
//   |    offset 31:16        | P | DPL | 0 | type |   0   | count  |  selector    | offset 15:0 |
//   (call gates: parameter count; 64-bit interrupt and trap gates: IST in 34..32)
// In IA-32e mode LDTs, TSSs and gates have a second half, whose low 32 bits are bits 63:32 of the
// base or offset.
class Descriptor {
 public:
  constexpr Descriptor() = default;
  constexpr explicit Descriptor(std::uint64_t low, std::uint64_t high = 0)
      : low_(low), high_(high) {}

  constexpr std::uint64_t low() const { return low_; }
  constexpr std::uint64_t high() const { return high_; }

  constexpr SegmentAttributes attributes() const {
    return SegmentAttributes(static_cast<std::uint16_t>((low_ >> 40) & 0xf0ff));
  }
  constexpr bool is_system() const { return !attributes().is_code_or_data(); }
  constexpr SystemType system_type() const { return static_cast<SystemType>(attributes().type()); }
  constexpr unsigned dpl() const { return attributes().dpl(); }
  constexpr bool is_present() const { return attributes().is_present(); }

  // Segments.
  constexpr std::uint64_t base() const {
    return bits(low_, 39, 16) | (bits(low_, 63, 56) << 24) | (bits(high_, 31, 0) << 32);
  }
  constexpr std::uint32_t limit() const {
    const auto raw = static_cast<std::uint32_t>(bits(low_, 15, 0) | (bits(low_, 51, 48) << 16));
    return attributes().is_granular() ? (raw << 12) | 0xfff : raw;
  }
  // As a segment register's contents; the accessed bit of code and data is set.
  constexpr Segment segment(SegmentSelector selector) const {
    const std::uint16_t accessed = is_system() ? 0 : 1;
    return {selector.raw(),
            SegmentAttributes(static_cast<std::uint16_t>(attributes().raw() | accessed)), limit(),
            base()};
  }

  // Gates.
  constexpr SegmentSelector gate_selector() const { return SegmentSelector(bits(low_, 31, 16)); }
  constexpr std::uint64_t gate_offset() const {
    return bits(low_, 15, 0) | (bits(low_, 63, 48) << 16) | (bits(high_, 31, 0) << 32);
  }
  constexpr unsigned gate_parameters() const { return static_cast<unsigned>(bits(low_, 36, 32)); }
  constexpr unsigned gate_ist() const { return static_cast<unsigned>(bits(low_, 34, 32)); }

  friend constexpr bool operator==(const Descriptor&, const Descriptor&) = default;

 private:
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
};

}  // namespace orrery::x86
