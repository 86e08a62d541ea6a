// The virtual interrupt flag: CR4.VME in virtual-8086 mode and CR4.PVI at privilege level 3 (SDM
// vol. 3A, 20.3 and 20.4).
#pragma once

#include <cstdint>

#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

// Flags that POPF and IRET always load.
inline constexpr std::uint64_t kAlwaysPopped = x86::rflags::kArithmetic | x86::rflags::kTrap |
                                               x86::rflags::kDirection | x86::rflags::kNestedTask;

inline unsigned io_privilege(const Cpu& cpu) {
  return static_cast<unsigned>((cpu.state.rflags & x86::rflags::kIopl) >> x86::rflags::kIoplShift);
}

inline bool has_virtual_8086_extensions(const Cpu& cpu) {
  return (cpu.state.cr4 & x86::cr4::kVirtual8086Extensions) != 0;
}

inline std::uint64_t merged_flags(std::uint64_t old, std::uint64_t popped, std::uint64_t mask) {
  return (old & ~mask) | (popped & mask);
}

// RFLAGS after a 16-bit POPF or IRET in virtual-8086 mode below IOPL 3 with CR4.VME, where VIF
// stands in for IF; #GP(0) where the monitor must see it.
std::uint64_t flags_with_virtual_interrupt(Cpu& cpu, std::uint64_t popped);

// The image that PUSHF and INT n push there: IOPL reads as 3 and IF as VIF.
std::uint64_t image_with_virtual_interrupt(const Cpu& cpu);

}  // namespace orrery::hypervisor::soft
