// What all VEX-encoded instructions ask of the processor's mode.
#pragma once

#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

// #UD in real and virtual-8086 mode (SDM vol. 2A, 2.4, table 2-16 and after).
inline void require_vex(Cpu& cpu) {
  if (cpu.code_64bit()) [[likely]]
    return;
  if (!cpu.state.protected_mode() || cpu.state.virtual_8086()) {
    cpu.raise(x86::Exception::kInvalidOpcode);
  }
}

}  // namespace orrery::hypervisor::soft
