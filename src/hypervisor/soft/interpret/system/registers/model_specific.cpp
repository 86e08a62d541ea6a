// RDMSR, WRMSR and the counters (SDM vol. 2: RDMSR, WRMSR, RDTSC, RDTSCP, RDPMC; vol. 3B, 17.17).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/registers/features.hpp"
#include "hypervisor/soft/interpret/system/registers/msr_table.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"
#include "hypervisor/soft/interpret/system/selectors.hpp"
#include "x86/msr.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace efer = x86::efer;
namespace msr = x86::msr;
using x86::Exception;
using x86::Gpr;

[[noreturn]] void refuse(Cpu& cpu) {
  cpu.raise(Exception::kGeneralProtection, 0);
}

const MsrRow* find_msr(std::uint32_t index) {
  for (const MsrRow& row : msr_table()) {
    if (index >= row.index && index - row.index < row.count) return &row;
  }
  return nullptr;
}

bool is_environments(std::uint32_t index) {
  return index == msr::kApicBase || index == msr::kTscDeadline ||
         (index >= msr::kX2ApicFirst && index <= msr::kX2ApicLast);
}

// The deadline is compared with the guest's counter; the machine's runs without IA32_TSC_ADJUST. 0
// means no deadline on both sides.
std::uint64_t deadline_to_machine(const Cpu& cpu, std::uint64_t guest) {
  const std::uint64_t machine = guest - cpu.state.msrs.tsc_adjust;
  return guest == 0 ? 0 : machine == 0 ? 1 : machine;
}

std::uint64_t read_from_environment(Cpu& cpu, std::uint32_t index) {
  const std::optional<std::uint64_t> value = cpu.environment.read_msr(index);
  if (!value) refuse(cpu);
  const bool is_deadline = index == msr::kTscDeadline && *value != 0;
  return is_deadline ? *value + cpu.state.msrs.tsc_adjust : *value;
}

void write_to_environment(Cpu& cpu, std::uint32_t index, std::uint64_t value) {
  const std::uint64_t passed = index == msr::kTscDeadline ? deadline_to_machine(cpu, value) : value;
  if (!cpu.environment.write_msr(index, passed)) refuse(cpu);
}

// SDM vol. 3A, 2.2.1: LME can not change while paging is on, and LMA follows by itself.
void write_efer(Cpu& cpu, std::uint64_t value) {
  if ((value & ~supported_efer(cpu)) != 0) refuse(cpu);
  const std::uint64_t changed = cpu.state.efer ^ value;
  const bool paging = (cpu.state.cr0 & x86::cr0::kPaging) != 0;
  if (paging && (changed & efer::kLongModeEnable) != 0) refuse(cpu);
  cpu.state.efer = (value & ~efer::kLongModeActive) | (cpu.state.efer & efer::kLongModeActive);
  if ((changed & efer::kNoExecute) != 0) cpu.flush_tlb();
  cpu.mode_changed();
}

void write_to_row(Cpu& cpu, const MsrRow& row, std::uint32_t index, std::uint64_t value) {
  std::uint64_t* place = row.place == nullptr ? nullptr : &row.place(cpu.state, index - row.index);
  const std::uint64_t old = place == nullptr ? row.constant : *place;
  if (row.other_bits == OtherBits::kFault && ((old ^ value) & ~row.writable) != 0) refuse(cpu);
  if (row.valid != nullptr && !row.valid(value)) refuse(cpu);
  if (place != nullptr) *place = (old & ~row.writable) | (value & row.writable);
}

std::uint64_t edx_eax(Cpu& cpu) {
  return (cpu.gpr(Gpr::kRdx) << 32) | static_cast<std::uint32_t>(cpu.gpr(Gpr::kRax));
}

void set_edx_eax(Cpu& cpu, std::uint64_t value) {
  cpu.gpr(Gpr::kRax) = static_cast<std::uint32_t>(value);
  cpu.gpr(Gpr::kRdx) = value >> 32;
}

void execute_rdmsr(Cpu& cpu, const Instruction&) {
  require_privilege_0(cpu);
  set_edx_eax(cpu, read_msr(cpu, static_cast<std::uint32_t>(cpu.gpr(Gpr::kRcx))));
}

void execute_wrmsr(Cpu& cpu, const Instruction&) {
  require_privilege_0(cpu);
  write_msr(cpu, static_cast<std::uint32_t>(cpu.gpr(Gpr::kRcx)), edx_eax(cpu));
}

void check_time_stamp_allowed(Cpu& cpu) {
  const bool disabled = (cpu.state.cr4 & x86::cr4::kTimeStampDisable) != 0;
  if (disabled && cpu.cpl() != 0) refuse(cpu);
}

void execute_rdtsc(Cpu& cpu, const Instruction&) {
  check_time_stamp_allowed(cpu);
  set_edx_eax(cpu, guest_time_stamp(cpu));
}

void execute_rdtscp(Cpu& cpu, const Instruction&) {
  if (!x86::has_feature(cpu.cpuid, x86::cpuid::kRdtscp)) cpu.raise(Exception::kInvalidOpcode);
  check_time_stamp_allowed(cpu);
  set_edx_eax(cpu, guest_time_stamp(cpu));
  cpu.gpr(Gpr::kRcx) = static_cast<std::uint32_t>(cpu.state.msrs.tsc_aux);
}

// There are no performance counters (CPUID leaf 0Ah says so): every number is out of range.
void execute_rdpmc(Cpu& cpu, const Instruction&) {
  refuse(cpu);
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_RDMSR, select_step<execute_rdmsr>},
    {ZYDIS_MNEMONIC_WRMSR, select_leave<execute_wrmsr>, Ends::kBlock},
    {ZYDIS_MNEMONIC_RDTSC, select_step<execute_rdtsc>},
    {ZYDIS_MNEMONIC_RDTSCP, select_step<execute_rdtscp>},
    {ZYDIS_MNEMONIC_RDPMC, select_step<execute_rdpmc>},
};

}  // namespace

std::uint64_t guest_time_stamp(Cpu& cpu) {
  return cpu.environment.time_stamp() + cpu.state.msrs.tsc_adjust;
}

std::uint64_t read_msr(Cpu& cpu, std::uint32_t index) {
  if (is_environments(index)) return read_from_environment(cpu, index);
  if (index == msr::kEfer) return cpu.state.efer;
  if (index == msr::kTimeStampCounter) return guest_time_stamp(cpu);
  const MsrRow* row = find_msr(index);
  if (row == nullptr || !row->readable) refuse(cpu);
  return row->place == nullptr ? row->constant : row->place(cpu.state, index - row->index);
}

void write_msr(Cpu& cpu, std::uint32_t index, std::uint64_t value) {
  if (is_environments(index)) return write_to_environment(cpu, index, value);
  if (index == msr::kEfer) return write_efer(cpu, value);
  if (index == msr::kTimeStampCounter) {
    // Moves IA32_TSC_ADJUST along (SDM vol. 3B, 17.17.3).
    cpu.state.msrs.tsc_adjust += value - guest_time_stamp(cpu);
    return;
  }
  const MsrRow* row = find_msr(index);
  if (row == nullptr) refuse(cpu);
  write_to_row(cpu, *row, index, value);
  if (index == msr::kFsBase || index == msr::kGsBase) cpu.segment_bases_changed();
}

std::span<const Row> model_specific_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
