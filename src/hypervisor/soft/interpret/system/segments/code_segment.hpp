// What far transfers of all kinds share: checks of the new CS and the stacks in the TSS (SDM vol.
// 3A, 5.8).
#pragma once

#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {

struct FarPointer {
  x86::SegmentSelector selector;
  std::uint64_t offset = 0;
};

// Whether code of this segment is 64-bit code.
inline bool is_64bit_code(const Cpu& cpu, const x86::SegmentAttributes& attributes) {
  return cpu.state.long_mode() && attributes.is_long();
}

// #GP(selector) unless the descriptor is a code segment, and not one with both L and D set in
// IA-32e mode.
void require_code(Cpu& cpu, const TableEntry& entry);

// #NP(selector) unless it is present.
void require_present(Cpu& cpu, const TableEntry& entry);

// #GP(0) unless OFFSET is within the segment's limit, or canonical for 64-bit code.
void require_in_code(Cpu& cpu, const x86::Segment& code, std::uint64_t offset);

// CS with CPL in its selector; marks the descriptor as accessed.
x86::Segment accept_code(Cpu& cpu, const TableEntry& entry, unsigned cpl);

// Commits a transfer: CS and RIP change, and with them the mode.
void enter_code(Cpu& cpu, const x86::Segment& code, std::uint64_t offset);

// CS of real-address and virtual-8086 mode.
x86::Segment paragraph_code(const Cpu& cpu, x86::SegmentSelector selector);

// A more privileged stack: SS and the stack pointer.
struct InnerStack {
  x86::Segment segment;
  std::uint64_t pointer = 0;
};

// The TSS's stack for privilege level CPL (SDM vol. 3A, 5.8.5); #TS where the TSS is too short or
// its SS is not fit. In IA-32e mode SS becomes null.
InnerStack inner_stack(Cpu& cpu, unsigned cpl);

// The stack pointer at OFFSET of the 64-bit TSS.
std::uint64_t stack_pointer_in_tss64(Cpu& cpu, unsigned offset);

}  // namespace orrery::hypervisor::soft
