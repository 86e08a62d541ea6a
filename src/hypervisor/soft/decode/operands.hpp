// What selectors ask about the operands of a decoded instruction, in the engine's own terms:
// kinds, widths, and where a register lies in the register file.
#pragma once

#include <cstdint>
#include <utility>

#include <Zydis/Zydis.h>

#include "hypervisor/soft/decode/instruction.hpp"
#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft {

enum class OperandKind : std::uint8_t { kNone, kRegister, kMemory, kImmediate };

// Of explicit operand INDEX (0 is the destination); kNone where there are fewer. Operands that the
// encoding implies but the assembler shows (the AL of ADD AL, imm8) count as explicit.
inline OperandKind kind_of(const Decoded& decoded, unsigned index) {
  if (index >= decoded.info.operand_count_visible) return OperandKind::kNone;
  switch (decoded.operands[index].type) {
    case ZYDIS_OPERAND_TYPE_REGISTER: return OperandKind::kRegister;
    case ZYDIS_OPERAND_TYPE_MEMORY: return OperandKind::kMemory;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE: return OperandKind::kImmediate;
    default: return OperandKind::kNone;
  }
}

inline bool is_register(const Decoded& decoded, unsigned index) {
  return kind_of(decoded, index) == OperandKind::kRegister;
}
inline bool is_memory(const Decoded& decoded, unsigned index) {
  return kind_of(decoded, index) == OperandKind::kMemory;
}
inline bool is_immediate(const Decoded& decoded, unsigned index) {
  return kind_of(decoded, index) == OperandKind::kImmediate;
}

// In bits: 8, 16, 32, 64, and more for vectors.
inline unsigned width_of(const Decoded& decoded, unsigned index) {
  return decoded.operands[index].size;
}

// Byte offset of a general-purpose register of any width in the register file; 1 past its slot for
// AH, CH, DH and BH.
inline std::uint8_t gpr_offset(ZydisRegister reg) {
  if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH) {
    return static_cast<std::uint8_t>(register_offset(reg - ZYDIS_REGISTER_AH) + 1);
  }
  if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BL) {
    return register_offset(reg - ZYDIS_REGISTER_AL);
  }
  if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B) {
    return register_offset(reg - ZYDIS_REGISTER_SPL + 4);  // SPL is register 4
  }
  return register_offset(static_cast<unsigned>(ZydisRegisterGetId(reg)) & 15);
}

inline bool is_gpr(ZydisRegister reg) {
  switch (ZydisRegisterGetClass(reg)) {
    case ZYDIS_REGCLASS_GPR8:
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64: return true;
    default: return false;
  }
}

// What Instruction::destination and ::source hold for a register operand: a byte offset for GPRs,
// the machine's number for all others (x86::SegmentRegister for segment registers).
inline std::uint8_t register_field(const Decoded& decoded, unsigned index) {
  const ZydisRegister reg = decoded.operands[index].reg.value;
  if (is_gpr(reg)) return gpr_offset(reg);
  return static_cast<std::uint8_t>(ZydisRegisterGetId(reg));
}

// Fills `destination` from explicit operand 0 and `source` from explicit operand 1, where they are
// registers.
inline void fill_registers(const Decoded& decoded, Instruction& record) {
  if (is_register(decoded, 0)) record.destination = register_field(decoded, 0);
  if (is_register(decoded, 1)) record.source = register_field(decoded, 1);
}

// x86::SegmentRegister of a memory operand, for those that the encoding implies (string
// instructions, XLAT): the decoder fills in only those that are written out.
inline std::uint8_t segment_of(const ZydisDecodedOperand& operand) {
  return static_cast<std::uint8_t>(ZydisRegisterGetId(operand.mem.segment));
}

// The bits of an address or a count that an address or operand size of 2, 4 or 8 bytes leaves.
constexpr std::uint64_t address_mask(unsigned bytes) {
  return bytes == 8 ? ~std::uint64_t{0} : bytes == 4 ? 0xffff'ffffu : 0xffffu;
}

// Calls FUNCTION with the unsigned type of BITS as its template argument, to choose the handler of
// a width; nullptr for a width that no instruction has:
//
//   record.handler = for_width(width_of(decoded, 0), []<typename T>() -> Handler {
//     return &step<execute_bswap<T>>;
//   });
template <typename Function>
Handler for_width(unsigned bits, Function&& function) {
  switch (bits) {
    case 8: return std::forward<Function>(function).template operator()<std::uint8_t>();
    case 16: return std::forward<Function>(function).template operator()<std::uint16_t>();
    case 32: return std::forward<Function>(function).template operator()<std::uint32_t>();
    case 64: return std::forward<Function>(function).template operator()<std::uint64_t>();
    default: return nullptr;
  }
}

// The same for operands that are never bytes.
template <typename Function>
Handler for_wide_width(unsigned bits, Function&& function) {
  switch (bits) {
    case 16: return std::forward<Function>(function).template operator()<std::uint16_t>();
    case 32: return std::forward<Function>(function).template operator()<std::uint32_t>();
    case 64: return std::forward<Function>(function).template operator()<std::uint64_t>();
    default: return nullptr;
  }
}

}  // namespace orrery::hypervisor::soft
