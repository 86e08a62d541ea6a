// The instruction table: one row per mnemonic, with all that is true of it. The decoder, the
// engines, the tests and the fuzzers derive from it. (Flags read, written and undefined come from
// Zydis, per form, as Decoded::info.cpu_flags.)
#pragma once

#include <cstdint>
#include <span>

#include <Zydis/Zydis.h>

#include "hypervisor/soft/decode/instruction.hpp"

namespace orrery::hypervisor::soft {

// How wide code runs by default.
enum class CodeSize : std::uint8_t { k16, k32, k64 };

// What a selector sees of an instruction. `operands` are all of them: explicit ones first, then
// implicit and hidden.
struct Decoded {
  ZydisDecodedInstruction info;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  CodeSize code_size;
};

// Chooses the handler for this form and fills in the operands that the family names itself. The
// fields offset, length, memory operand, sizes, locked, repeat and immediate (of the first
// immediate operand) are already filled in. False: no such form, which makes the instruction a #UD.
using Selector = bool (*)(const Decoded& decoded, Instruction& record);

enum class Ends : std::uint8_t {
  kNothing,  // goes on to the next record
  kBlock,    // control transfer, or a change after which the next instruction must be fetched and
             // checked anew
};

struct Row {
  ZydisMnemonic mnemonic;
  Selector select;
  Ends ends = Ends::kNothing;
};

// The row of a mnemonic, or nullptr when the engine does not have the instruction.
const Row* find_row(ZydisMnemonic mnemonic);

// The families, each in its own file under interpret/ or fpu/.
std::span<const Row>
integer_rows();  // arithmetic, logic, moves, shifts, bits, BCD, atomics, CRC32, POPCNT
std::span<const Row> stack_rows();    // PUSH, POP, ENTER, LEAVE, PUSHA, POPA
std::span<const Row> control_rows();  // near JMP, Jcc, CALL, RET, LOOP, JCXZ, CMOVcc, SETcc
std::span<const Row> string_rows();   // MOVS, STOS, LODS, SCAS, CMPS, INS, OUTS
std::span<const Row>
system_rows();  // far transfers, INT, IRET, segments, descriptors, CRs, DRs, MSRs, I/O, HLT, flags
std::span<const Row> x87_rows();
std::span<const Row> simd_rows();  // MMX, SSE .. SSE4.2, FXSAVE, XSAVE

}  // namespace orrery::hypervisor::soft
