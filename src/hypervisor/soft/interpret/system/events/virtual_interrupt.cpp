#include "hypervisor/soft/interpret/system/events/virtual_interrupt.hpp"

namespace orrery::hypervisor::soft {

namespace rflags = x86::rflags;

std::uint64_t flags_with_virtual_interrupt(Cpu& cpu, std::uint64_t popped) {
  const std::uint64_t old = cpu.rflags();
  const bool pending = (old & rflags::kVirtualInterruptPending) != 0;
  const bool enables = (popped & rflags::kInterrupt) != 0;
  if ((pending && enables) || (popped & rflags::kTrap) != 0) {
    cpu.raise(x86::Exception::kGeneralProtection, 0);
  }
  const std::uint64_t flags = merged_flags(old, popped, kAlwaysPopped);
  return enables ? flags | rflags::kVirtualInterrupt : flags & ~rflags::kVirtualInterrupt;
}

std::uint64_t image_with_virtual_interrupt(const Cpu& cpu) {
  const std::uint64_t flags = cpu.rflags();
  const bool enabled = (flags & rflags::kVirtualInterrupt) != 0;
  return (flags & ~rflags::kInterrupt) | rflags::kIopl | (enabled ? rflags::kInterrupt : 0);
}

}  // namespace orrery::hypervisor::soft
