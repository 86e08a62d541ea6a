// What becomes of a guest instruction when its block is translated.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "hypervisor/soft/decode/table.hpp"
#include "hypervisor/soft/translate/emit/host_registers.hpp"
#include "hypervisor/soft/translate/state.hpp"

namespace orrery::hypervisor::soft::translate {

enum class Way : std::uint8_t {
  kCopy,         // the same instruction over the host's registers
  kNothing,      // no effect: NOPs, prefetches, jumps to what follows in the block
  kLoadAddress,  // LEA
  kPush,
  kPop,
  kLeave,
  kDivide,       // DIV and IDIV of 32 and 64 bits
  kLoadControl,  // LDMXCSR, FLDCW: the same instruction where it masks all exceptions
  kJump,         // to a known address
  kJumpConditional,
  kJumpIndirect,
  kCall,
  kCallIndirect,
  kReturn,
  // What only an operating system does, or what leads into it (system_plan.hpp).
  kSystemCall,
  kSystemReturn,
  kSwapGs,
  kClearInterrupt,
  kSetInterrupt,
  kPushFlags,
  kClearDirection,
  kAccessCheck,  // CLAC and STAC
  kSystem,       // the interpreter executes it at the block's end, wherever it leads
  kCallout,      // the interpreter executes it from within the block
  kInterpret,    // the block ends before it, and the interpreter goes on
};

// Sets of arithmetic flags, as in RFLAGS.
using FlagSet = std::uint32_t;
inline constexpr FlagSet kAllFlags = 0x8d5;  // OF SF ZF AF PF CF

struct Plan {
  Way way = Way::kInterpret;
  bool ends_block = false;
  Vectors vectors = Vectors::kNone;  // that the instruction uses natively
  bool x87 = false;                  // uses the x87 unit natively, or MMX's registers
  FlagSet flags_read = 0;
  FlagSet flags_written = 0;  // for certain; a shift by 0 writes none
  FlagSet flags_touched = 0;  // possibly
  // Index in Decoded::operands of the memory operand that is accessed, or -1.
  int memory_operand = -1;

  friend bool operator==(const Plan&, const Plan&) = default;
};

// Whether an instruction reads or writes the x87 unit's registers or words, those that save and
// restore all of the state aside.
bool touches_x87(const Decoded& decoded);

// Decides for 64-bit code over these registers.
Plan plan_for(const Decoded& decoded, HostRegisters registers);

}  // namespace orrery::hypervisor::soft::translate
