// The debug registers' side of the run loop: breakpoints on instructions, data and ports, and
// single steps (SDM vol. 3B, 17.2 and 17.3).
//
// How the run loop uses it:
//   before an instruction, where has_instruction_breakpoints():  check_instruction_breakpoint()
//   on data accesses, where has_data_breakpoints():  gather data_breakpoints_at() for a trap
//   after an instruction: with the gathered bits, and dr6::kSingleStep where RFLAGS.TF was set when
//     the instruction began (not merely when it ended), deliver debug_trap().
//   RFLAGS.RF is the run loop's to clear after an instruction that completes; IRET and a task
//     switch set it for the next one.
#pragma once

#include <cstdint>

#include "base/width.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/interpret/system.hpp"

namespace orrery::hypervisor::soft {

// Whether DR7 enables a breakpoint of that sort at all: cheap enough to ask in mode changes, to be
// remembered.
bool has_instruction_breakpoints(const x86::CpuState& state);
bool has_data_breakpoints(const x86::CpuState& state);

// DR6 bits B3..B0 of the enabled breakpoints that an access or a fetch hits; 0 where none.
std::uint64_t instruction_breakpoints_at(const x86::CpuState& state, std::uint64_t linear);
std::uint64_t data_breakpoints_at(const x86::CpuState& state, std::uint64_t linear, unsigned size,
                                  Access access);
std::uint64_t port_breakpoints_at(const x86::CpuState& state, std::uint16_t port, Width width);

// Throws #DB, with DR6 set, where an instruction breakpoint is set at LINEAR and RFLAGS.RF is
// clear.
void check_instruction_breakpoint(Cpu& cpu, std::uint64_t linear);

// Records BITS in DR6 and makes the event to deliver; the return RIP is the next instruction's.
Event debug_trap(Cpu& cpu, std::uint64_t bits);

}  // namespace orrery::hypervisor::soft
