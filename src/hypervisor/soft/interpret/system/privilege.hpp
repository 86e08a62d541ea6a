// Checks that several system instructions share.
#pragma once

#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

// #GP(0) for SGDT, SIDT, SLDT, SMSW and STR above privilege level 0 while CR4.UMIP is set (SDM vol.
// 3A, 2.5).
inline void check_user_instruction_prevention(Cpu& cpu) {
  if ((cpu.state.cr4 & x86::cr4::kUserInstructionPrevention) != 0 && cpu.cpl() != 0) {
    cpu.raise(x86::Exception::kGeneralProtection, 0);
  }
}

// #GP(0) for an address or a target that is not canonical.
inline void require_canonical(Cpu& cpu, std::uint64_t linear) {
  if (!Cpu::is_canonical(linear)) cpu.raise(x86::Exception::kGeneralProtection, 0);
}

}  // namespace orrery::hypervisor::soft
