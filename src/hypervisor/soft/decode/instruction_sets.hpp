// Instruction sets that the engine has only where the host's own processor has them, so that
// translated code can use the host's instructions: CPUID shows them there, and elsewhere their
// encodings are #UD (or what they meant on processors before them).
#pragma once

#include <cstdint>
#include <span>

#include <Zydis/Zydis.h>

#include "x86/cpuid_features.hpp"

namespace orrery::hypervisor::soft {

struct InstructionSet {
  ZydisISAExt extension;  // as Zydis names it for each instruction
  x86::CpuidFeature feature;
  bool host_has;  // with all that its state needs of the host's operating system
};

std::span<const InstructionSet> optional_instruction_sets();

// Whether the engine executes instructions of that set in that encoding: all legacy ones that are
// not optional, and of VEX and its like only those of the table.
bool has_instruction_set(ZydisISAExt extension, ZydisInstructionEncoding encoding);
inline bool has_instruction_set(const ZydisDecodedInstruction& info) {
  return has_instruction_set(info.meta.isa_ext, info.encoding);
}

// Of the host's processor, whatever the engine makes of it. False on hosts of other architectures.
bool host_has(const x86::CpuidFeature& feature);

}  // namespace orrery::hypervisor::soft
