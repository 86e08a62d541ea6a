// CR0, CR2, CR3, CR4, CR8 and XCR0: MOV, SMSW, LMSW, CLTS, XGETBV, XSETBV (SDM vol.
// 3A, 2.5, 2.6, 4.1, 4.10.4 and 9.8.5; vol. 2).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/privilege.hpp"
#include "hypervisor/soft/interpret/system/registers/features.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"
#include "hypervisor/soft/interpret/system/selectors.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace cr0 = x86::cr0;
namespace cr3 = x86::cr3;
namespace cr4 = x86::cr4;
namespace efer = x86::efer;
namespace xcr0 = x86::xcr0;
using x86::Exception;
using x86::SegmentRegister;

constexpr std::uint64_t kCr0Writable = cr0::kProtectionEnable | cr0::kMonitorCoprocessor |
                                       cr0::kEmulation | cr0::kTaskSwitched | cr0::kNumericError |
                                       cr0::kWriteProtect | cr0::kAlignmentMask |
                                       cr0::kNotWriteThrough | cr0::kCacheDisable | cr0::kPaging;

void require(Cpu& cpu, bool condition) {
  if (!condition) cpu.raise(Exception::kGeneralProtection, 0);
}

// ---- CR0

// What IA-32e mode asks of the moment when paging is switched on (SDM vol. 3A, 9.8.5).
void check_entry_to_ia32e(Cpu& cpu) {
  require(cpu, (cpu.state.cr4 & cr4::kPhysicalAddressExtension) != 0);
  require(cpu, !cpu.state[SegmentRegister::kCs].attributes.is_long());
  require(cpu, x86::is_wide(static_cast<x86::SystemType>(cpu.state.tr.attributes.type())));
}

void check_cr0(Cpu& cpu, std::uint64_t value) {
  require(cpu, (value >> 32) == 0);
  require(cpu, (value & cr0::kPaging) == 0 || (value & cr0::kProtectionEnable) != 0);
  require(cpu, (value & cr0::kNotWriteThrough) == 0 || (value & cr0::kCacheDisable) != 0);
  const bool was_paging = (cpu.state.cr0 & cr0::kPaging) != 0;
  const bool paging = (value & cr0::kPaging) != 0;
  if (paging && !was_paging && (cpu.state.efer & efer::kLongModeEnable) != 0) {
    check_entry_to_ia32e(cpu);
  }
  if (!paging && was_paging) {
    require(cpu, !cpu.code_64bit());
    require(cpu, (cpu.state.cr4 & cr4::kPcid) == 0);
  }
}

void set_cr0(Cpu& cpu, std::uint64_t value) {
  check_cr0(cpu, value);
  const std::uint64_t old = cpu.state.cr0;
  cpu.state.cr0 = (value & kCr0Writable) | cr0::kExtensionType;
  const bool long_mode =
      (value & cr0::kPaging) != 0 && (cpu.state.efer & efer::kLongModeEnable) != 0;
  cpu.state.efer =
      long_mode ? cpu.state.efer | efer::kLongModeActive : cpu.state.efer & ~efer::kLongModeActive;
  constexpr std::uint64_t kInvalidating =
      cr0::kPaging | cr0::kProtectionEnable | cr0::kWriteProtect;
  if (((old ^ value) & kInvalidating) != 0) cpu.flush_tlb();
  cpu.mode_changed();
}

// ---- CR3

void set_cr3(Cpu& cpu, std::uint64_t value) {
  const bool pcid = (cpu.state.cr4 & cr4::kPcid) != 0;
  const bool keeps = pcid && (value & cr3::kNoFlush) != 0;
  const std::uint64_t loaded = pcid ? value & ~cr3::kNoFlush : value;
  if (cpu.state.long_mode()) require(cpu, (loaded >> physical_address_bits(cpu)) == 0);
  if (keeps && loaded == cpu.state.cr3) return;
  cpu.load_address_space(loaded, keeps);
}

// ---- CR4

void check_cr4(Cpu& cpu, std::uint64_t value) {
  require(cpu, (value & ~supported_cr4(cpu)) == 0);
  const std::uint64_t set = value & ~cpu.state.cr4;
  if (cpu.state.long_mode()) require(cpu, (value & cr4::kPhysicalAddressExtension) != 0);
  if ((set & cr4::kPcid) != 0) {
    require(cpu, cpu.state.long_mode() && (cpu.state.cr3 & cr3::kPcidMask) == 0);
  }
}

void set_cr4(Cpu& cpu, std::uint64_t value) {
  check_cr4(cpu, value);
  constexpr std::uint64_t kInvalidating =
      cr4::kPageSizeExtensions | cr4::kPhysicalAddressExtension | cr4::kPageGlobalEnable |
      cr4::kPcid | cr4::kSupervisorExecutionPrevention | cr4::kSupervisorAccessPrevention;
  const std::uint64_t changed = cpu.state.cr4 ^ value;
  cpu.state.cr4 = value;
  if ((changed & kInvalidating) != 0) cpu.flush_tlb();
  cpu.mode_changed();
}

// ---- MOV

void set_control_register(Cpu& cpu, unsigned number, std::uint64_t value) {
  switch (number) {
    case 0: return set_cr0(cpu, value);
    case 2: cpu.state.cr2 = value; return;
    case 3: return set_cr3(cpu, value);
    case 4: return set_cr4(cpu, value);
    default: require(cpu, value <= 0xf); cpu.environment.set_task_priority(value);
  }
}

std::uint64_t control_register(Cpu& cpu, unsigned number) {
  switch (number) {
    case 0: return cpu.state.cr0;
    case 2: return cpu.state.cr2;
    case 3: return cpu.state.cr3;
    case 4: return cpu.state.cr4;
    default: return cpu.environment.task_priority();
  }
}

template <typename T>
void move_to_control(Cpu& cpu, const Instruction& i) {
  require_privilege_0(cpu);
  set_control_register(cpu, i.destination, cpu.reg<T>(i.source));
}

template <typename T>
void move_from_control(Cpu& cpu, const Instruction& i) {
  require_privilege_0(cpu);
  cpu.set_reg<T>(i.destination, static_cast<T>(control_register(cpu, i.source)));
}

// ---- The machine status word, CR0's low half

template <typename T>
void store_status_in_register(Cpu& cpu, const Instruction& i) {
  check_user_instruction_prevention(cpu);
  cpu.set_reg<T>(i.destination, static_cast<T>(cpu.state.cr0));
}

void store_status_in_memory(Cpu& cpu, const Instruction& i) {
  check_user_instruction_prevention(cpu);
  cpu.store<std::uint16_t>(i, static_cast<std::uint16_t>(cpu.state.cr0));
}

void load_status(Cpu& cpu, const Instruction& i) {
  require_privilege_0(cpu);
  constexpr std::uint64_t kLoaded =
      cr0::kProtectionEnable | cr0::kMonitorCoprocessor | cr0::kEmulation | cr0::kTaskSwitched;
  const std::uint64_t word =
      i.extra != 0 ? cpu.load<std::uint16_t>(i) : cpu.reg<std::uint16_t>(i.destination);
  // PE can be set, not cleared.
  const std::uint64_t kept = cpu.state.cr0 & ~(kLoaded & ~cr0::kProtectionEnable);
  set_cr0(cpu, kept | (word & kLoaded));
}

void clear_task_switched(Cpu& cpu, const Instruction&) {
  require_privilege_0(cpu);
  cpu.state.cr0 &= ~cr0::kTaskSwitched;
}

// ---- XCR0 (SDM vol. 1, 13.3)

std::uint32_t selected_xcr(Cpu& cpu) {
  if ((cpu.state.cr4 & cr4::kXsave) == 0) cpu.raise(Exception::kInvalidOpcode);
  return static_cast<std::uint32_t>(cpu.gpr(x86::Gpr::kRcx));
}

void get_extended_control(Cpu& cpu, const Instruction&) {
  const std::uint32_t number = selected_xcr(cpu);
  const bool in_use = number == 1 && x86::has_feature(cpu.cpuid, x86::cpuid::kXgetbvInUse);
  require(cpu, number == 0 || in_use);
  cpu.gpr(x86::Gpr::kRax) = static_cast<std::uint32_t>(cpu.state.xcr0);
  cpu.gpr(x86::Gpr::kRdx) = cpu.state.xcr0 >> 32;
}

void set_extended_control(Cpu& cpu, const Instruction&) {
  const std::uint32_t number = selected_xcr(cpu);
  require_privilege_0(cpu);
  const std::uint64_t value =
      (cpu.gpr(x86::Gpr::kRdx) << 32) | static_cast<std::uint32_t>(cpu.gpr(x86::Gpr::kRax));
  const x86::CpuidRegisters offered = cpu.cpuid.query(0xd, 0);
  const std::uint64_t allowed = (std::uint64_t{offered.edx} << 32) | offered.eax;
  require(cpu, number == 0 && (value & xcr0::kX87) != 0 && (value & ~allowed) == 0);
  require(cpu, (value & xcr0::kAvx) == 0 || (value & xcr0::kSse) != 0);
  cpu.state.xcr0 = value;
}

// ---- Selectors

bool select_store_status(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  if (is_memory(decoded, 0)) {
    record.handler = &step<store_status_in_memory>;
    return true;
  }
  record.handler = for_wide_width(width_of(decoded, 0), []<typename T>() -> Handler {
    return &step<store_status_in_register<T>>;
  });
  return record.handler != nullptr;
}

bool select_load_status(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.extra = is_memory(decoded, 0) ? 1 : 0;
  record.handler = &leave<load_status>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_SMSW, select_store_status},
    {ZYDIS_MNEMONIC_LMSW, select_load_status, Ends::kBlock},
    {ZYDIS_MNEMONIC_CLTS, select_leave<clear_task_switched>, Ends::kBlock},
    {ZYDIS_MNEMONIC_XGETBV, select_leave<get_extended_control>, Ends::kBlock},
    {ZYDIS_MNEMONIC_XSETBV, select_leave<set_extended_control>, Ends::kBlock},
};

bool exists(unsigned number) {
  return number == 0 || number == 2 || number == 3 || number == 4 || number == 8;
}

}  // namespace

bool select_control_register_move(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  const bool writes =
      ZydisRegisterGetClass(decoded.operands[0].reg.value) == ZYDIS_REGCLASS_CONTROL;
  if (!exists(writes ? record.destination : record.source)) return false;
  if (decoded.code_size == CodeSize::k64) {
    record.handler =
        writes ? &leave<move_to_control<std::uint64_t>> : &step<move_from_control<std::uint64_t>>;
  } else {
    record.handler =
        writes ? &leave<move_to_control<std::uint32_t>> : &step<move_from_control<std::uint32_t>>;
  }
  return true;
}

std::span<const Row> control_register_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
