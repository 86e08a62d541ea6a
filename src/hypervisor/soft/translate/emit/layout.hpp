// Where translated code finds the parts of a vCPU: distances from the GS base, which is the address
// of its Cpu.
#pragma once

#include <array>
#include <cstdint>

#include "hypervisor/soft/access.hpp"

namespace orrery::hypervisor::soft::translate {

struct Layout {
  std::uint64_t context;       // the GS base
  std::int32_t registers;      // of the register file, 8 bytes each
  std::int32_t segment_bases;  // by x86::SegmentRegister, 8 bytes each
  std::int32_t attention;      // one byte
  std::int32_t vectors;        // of x86::CpuState::vectors
  std::int32_t mxcsr;
  std::array<std::int32_t, kAccessModes> tlb;  // of a mode's entries
  std::int32_t state;                          // of State

  // What system instructions change.
  std::int32_t rflags;  // of x86::CpuState
  std::int32_t code_segment;
  std::int32_t stack_segment;
  std::int32_t gs_base;
  std::int32_t kernel_gs_base;  // MSRs
  std::int32_t lstar;
  std::int32_t syscall_mask;
  std::int32_t privilege;    // Cpu::cpl_, one byte
  std::int32_t access_mode;  // one byte
  std::int32_t tlb_entries;
  std::int32_t fetch_view;
  std::int32_t fetch_context;

  std::int32_t gpr(unsigned number) const {
    return registers + static_cast<std::int32_t>(number * 8);
  }
};

}  // namespace orrery::hypervisor::soft::translate
