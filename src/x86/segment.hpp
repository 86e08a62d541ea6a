// A segment register with its hidden part (SDM vol. 3A, 3.4.3 and 3.4.5).
#pragma once

#include <cstdint>

#include "base/bits.hpp"

namespace orrery::x86 {

// In the order of the machine's encoding (MOV Sreg).
enum class SegmentRegister : std::uint8_t { kEs, kCs, kSs, kDs, kFs, kGs };
inline constexpr unsigned kSegmentRegisters = 6;

// Access rights as LAR delivers them, shifted right by 8:
//
//    15  14   13   12  11 .. 8   7   6 5   4   3 .. 0
//   | G | DB | L | AVL |   0   | P | DPL | S |  type  |
class SegmentAttributes {
 public:
  constexpr SegmentAttributes() = default;
  constexpr explicit SegmentAttributes(std::uint16_t raw) : raw_(raw) {}

  constexpr std::uint16_t raw() const { return raw_; }
  constexpr unsigned type() const { return raw_ & 0xf; }
  constexpr bool is_code_or_data() const { return bit(raw_, 4); }  // S
  constexpr bool is_code() const { return is_code_or_data() && bit(raw_, 3); }
  constexpr bool is_data() const { return is_code_or_data() && !bit(raw_, 3); }
  constexpr bool is_conforming() const { return is_code() && bit(raw_, 2); }
  constexpr bool is_expand_down() const { return is_data() && bit(raw_, 2); }
  constexpr bool is_writable() const { return is_data() && bit(raw_, 1); }
  constexpr bool is_readable() const { return is_data() || (is_code() && bit(raw_, 1)); }
  constexpr bool is_accessed() const { return bit(raw_, 0); }
  constexpr unsigned dpl() const { return bits(raw_, 6, 5); }
  constexpr bool is_present() const { return bit(raw_, 7); }
  constexpr bool is_long() const { return bit(raw_, 13); }
  constexpr bool is_big() const { return bit(raw_, 14); }  // D/B: 32-bit code or stack
  constexpr bool is_granular() const { return bit(raw_, 15); }

  friend constexpr bool operator==(SegmentAttributes, SegmentAttributes) = default;

 private:
  std::uint16_t raw_ = 0;
};

struct Segment {
  std::uint16_t selector = 0;
  SegmentAttributes attributes;  // not present: a null or unusable segment
  std::uint32_t limit = 0;       // in bytes, inclusive, granularity already applied
  std::uint64_t base = 0;

  friend bool operator==(const Segment&, const Segment&) = default;
};

// GDTR and IDTR.
struct DescriptorTable {
  std::uint64_t base = 0;
  std::uint16_t limit = 0;

  friend bool operator==(const DescriptorTable&, const DescriptorTable&) = default;
};

}  // namespace orrery::x86
