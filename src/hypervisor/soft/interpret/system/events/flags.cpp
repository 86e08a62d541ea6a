// PUSHF, POPF, CLI, STI, CLAC, STAC (SDM vol. 2; vol. 3A, 20.3 and 20.4).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/events/virtual_interrupt.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/selectors.hpp"
#include "x86/cpuid_features.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace rflags = x86::rflags;
using x86::Exception;

// Virtual-8086 code below IOPL 3 may use the 16-bit forms only, and those only with CR4.VME.
template <typename T>
bool uses_virtual_interrupt(Cpu& cpu) {
  if (!cpu.state.virtual_8086() || io_privilege(cpu) == 3) return false;
  if (sizeof(T) != 2 || !has_virtual_8086_extensions(cpu)) {
    cpu.raise(Exception::kGeneralProtection, 0);
  }
  return true;
}

template <typename T>
void push_flags(Cpu& cpu, const Instruction&) {
  const std::uint64_t image =
      uses_virtual_interrupt<T>(cpu) ? image_with_virtual_interrupt(cpu) : cpu.rflags();
  cpu.push<T>(static_cast<T>(image & ~(rflags::kVirtual8086 | rflags::kResume)));
}

// Which flags POPF may change at this privilege level.
template <typename T>
std::uint64_t popped_flags(const Cpu& cpu) {
  std::uint64_t mask = kAlwaysPopped;
  if (sizeof(T) != 2) mask |= rflags::kAlignmentCheck | rflags::kId;
  if (cpu.cpl() <= io_privilege(cpu)) mask |= rflags::kInterrupt;
  if (cpu.cpl() == 0) mask |= rflags::kInterrupt | rflags::kIopl;
  return mask;
}

template <typename T>
void pop_flags(Cpu& cpu, const Instruction&) {
  const bool virtual_interrupt = uses_virtual_interrupt<T>(cpu);
  const std::uint64_t before = cpu.gpr(x86::Gpr::kRsp);
  const std::uint64_t popped = cpu.pop<T>();
  std::uint64_t flags = 0;
  if (virtual_interrupt) {
    try {
      flags = flags_with_virtual_interrupt(cpu, popped);
    } catch (...) {
      cpu.gpr(x86::Gpr::kRsp) = before;
      throw;
    }
  } else {
    flags = merged_flags(cpu.rflags(), popped, popped_flags<T>(cpu));
  }
  cpu.set_rflags(flags & ~rflags::kResume);
  cpu.mode_changed();
}

// Which flag CLI and STI act on here; #GP(0) where none.
std::uint64_t interrupt_flag(Cpu& cpu) {
  if (!cpu.state.protected_mode() || cpu.cpl() <= io_privilege(cpu)) return rflags::kInterrupt;
  const std::uint64_t extension = cpu.state.virtual_8086() ? x86::cr4::kVirtual8086Extensions
                                                           : x86::cr4::kProtectedVirtualInterrupts;
  const bool virtualized = cpu.cpl() == 3 && (cpu.state.cr4 & extension) != 0;
  if (!virtualized) cpu.raise(Exception::kGeneralProtection, 0);
  return rflags::kVirtualInterrupt;
}

void clear_interrupt(Cpu& cpu, const Instruction&) {
  cpu.state.rflags &= ~interrupt_flag(cpu);
}

void set_interrupt(Cpu& cpu, const Instruction&) {
  const std::uint64_t flag = interrupt_flag(cpu);
  if (flag == rflags::kVirtualInterrupt) {
    if ((cpu.state.rflags & rflags::kVirtualInterruptPending) != 0) {
      cpu.raise(Exception::kGeneralProtection, 0);
    }
  } else if ((cpu.state.rflags & rflags::kInterrupt) == 0) {
    cpu.state.interrupt_shadow = true;
    cpu.look_up();
  }
  cpu.state.rflags |= flag;
}

template <bool value>
void change_access_check(Cpu& cpu, const Instruction&) {
  const bool exists = x86::has_feature(cpu.cpuid, x86::cpuid::kSmap);
  if (!exists || cpu.cpl() != 0) cpu.raise(Exception::kInvalidOpcode);
  if (value) {
    cpu.state.rflags |= rflags::kAlignmentCheck;
  } else {
    cpu.state.rflags &= ~rflags::kAlignmentCheck;
  }
  cpu.mode_changed();
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_PUSHF, select_step<push_flags<std::uint16_t>>},
    {ZYDIS_MNEMONIC_PUSHFD, select_step<push_flags<std::uint32_t>>},
    {ZYDIS_MNEMONIC_PUSHFQ, select_step<push_flags<std::uint64_t>>},
    {ZYDIS_MNEMONIC_POPF, select_leave<pop_flags<std::uint16_t>>, Ends::kBlock},
    {ZYDIS_MNEMONIC_POPFD, select_leave<pop_flags<std::uint32_t>>, Ends::kBlock},
    {ZYDIS_MNEMONIC_POPFQ, select_leave<pop_flags<std::uint64_t>>, Ends::kBlock},
    {ZYDIS_MNEMONIC_CLI, select_step<clear_interrupt>},
    {ZYDIS_MNEMONIC_STI, select_leave<set_interrupt>, Ends::kBlock},
    {ZYDIS_MNEMONIC_CLAC, select_step<change_access_check<false>>},
    {ZYDIS_MNEMONIC_STAC, select_step<change_access_check<true>>},
};

}  // namespace

std::span<const Row> flag_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
