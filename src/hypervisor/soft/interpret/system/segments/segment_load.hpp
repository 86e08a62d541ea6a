// Loading segment registers (SDM vol. 2, MOV and POP; vol. 3A, 3.4.3 and 5.6 to 5.7).
#pragma once

#include "hypervisor/soft/cpu.hpp"
#include "x86/descriptor.hpp"

namespace orrery::hypervisor::soft {

// Loads DS, ES, FS, GS or SS as MOV Sreg does in the current mode, with all its checks, and calls
// mode_changed().
void load_segment(Cpu& cpu, x86::SegmentRegister reg, x86::SegmentSelector selector);

// The checks and the result alone, for protected mode, under privilege level CPL. Faults of a bad
// descriptor are INVALID (#GP in an instruction, #TS in a task switch).
x86::Segment checked_data_segment(Cpu& cpu, x86::SegmentSelector selector, unsigned cpl,
                                  x86::Exception invalid);
// The same for SS; a null selector is INVALID here.
x86::Segment checked_stack_segment(Cpu& cpu, x86::SegmentSelector selector, unsigned cpl,
                                   x86::Exception invalid);

}  // namespace orrery::hypervisor::soft
