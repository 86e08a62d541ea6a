// One decoded guest instruction: the compact record that handlers execute (ENGINE.md, "Decode").
#pragma once

#include <cstdint>

namespace orrery::hypervisor::soft {

class Cpu;
struct Instruction;

// Executes the instruction and goes on to the next record; see interpret/handler.hpp for how one is
// made.
using Handler = void (*)(Cpu& cpu, const Instruction* instruction);

// The register file of Cpu is addressed by byte offset, so that AH is "one byte at RAX + 1" and
// needs no case of its own. Three more slots follow the 16 GPRs and make every address a plain sum.
inline constexpr unsigned kZeroSlot = 16;  // always 0: no base, no index
inline constexpr unsigned kBlockRipSlot =
    17;  // RIP of the current block's first byte: RIP-relative addresses, branches
inline constexpr unsigned kTwoGibSlot =
    18;  // always 2^31: an index where a RIP-relative displacement would overflow
inline constexpr unsigned kRegisterSlots = 19;

enum class Repeat : std::uint8_t { kNone, kWhileEqual /* F3 */, kWhileNotEqual /* F2 */ };

struct Instruction {
  Handler handler = nullptr;

  std::uint64_t immediate =
      0;  // sign-extended to 64 bits as the form asks; near branches: target - block RIP
  std::int32_t displacement =
      0;  // memory operand; with base kBlockRipSlot relative to the block's first byte

  std::uint16_t offset = 0;  // of the instruction's first byte from the block's first byte
  std::uint8_t length = 0;   // bytes

  // Register operands: byte offsets into the register file for GPRs (slot * 8, + 1 for AH, CH, DH,
  // BH); plain numbers for vector, x87, MMX, segment, control and debug registers.
  std::uint8_t destination = 0;
  std::uint8_t source = 0;

  // Memory operand: offset = [base] + ([index] << scale) + displacement, cut to the address size.
  std::uint8_t base = kZeroSlot;  // slot numbers, not byte offsets
  std::uint8_t index = kZeroSlot;
  std::uint8_t scale = 0;    // 0 to 3
  std::uint8_t segment = 3;  // x86::SegmentRegister; DS unless the form or a prefix says otherwise

  std::uint8_t operand_size =
      0;  // bytes: 2, 4 or 8 (the effective operand size, not the operand's)
  std::uint8_t address_size : 4 = 8;  // bytes: 2, 4 or 8
  bool locked : 1 = false;
  Repeat repeat : 2 = Repeat::kNone;
  bool flat : 1 = false;   // 64-bit code with 64-bit addresses: no segment limits, no cutting
  std::uint8_t extra = 0;  // second immediate byte, or what a family likes

  friend bool operator==(const Instruction&, const Instruction&) = default;
};

static_assert(sizeof(Instruction) == 32, "records are walked linearly: two to a cache line");

constexpr std::uint8_t register_offset(unsigned slot) {
  return static_cast<std::uint8_t>(slot * 8);
}

}  // namespace orrery::hypervisor::soft
