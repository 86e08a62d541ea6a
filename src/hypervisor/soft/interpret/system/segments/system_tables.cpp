// The registers that hold descriptor tables and the task: GDTR, IDTR, LDTR, TR (SDM vol. 2: LGDT,
// LIDT, SGDT, SIDT, LLDT, LTR, SLDT, STR; vol. 3A, 2.4).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/privilege.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::DescriptorTable;
using x86::Exception;
using x86::SegmentSelector;
using x86::SystemType;

constexpr unsigned kLimitSize = 2;

template <DescriptorTable x86::CpuState::*table>
void load_table(Cpu& cpu, const Instruction& i) {
  require_privilege_0(cpu);
  DescriptorTable loaded;
  loaded.limit = cpu.load<std::uint16_t>(i);
  if (cpu.code_64bit()) {
    loaded.base = cpu.load<std::uint64_t>(i, kLimitSize);
    require_canonical(cpu, loaded.base);
  } else {
    loaded.base = cpu.load<std::uint32_t>(i, kLimitSize);
    if (i.operand_size == 2) loaded.base &= 0x00ff'ffff;
  }
  cpu.state.*table = loaded;
}

template <DescriptorTable x86::CpuState::*table>
void store_table(Cpu& cpu, const Instruction& i) {
  check_user_instruction_prevention(cpu);
  const DescriptorTable stored = cpu.state.*table;
  const unsigned base_size = cpu.code_64bit() ? 8 : 4;
  const unsigned size = kLimitSize + base_size;
  cpu.probe_write(cpu.operand_linear(i, 0, size, Access::kWrite), size);
  cpu.store<std::uint16_t>(i, stored.limit);
  if (base_size == 8) {
    cpu.store<std::uint64_t>(i, stored.base, kLimitSize);
  } else {
    cpu.store<std::uint32_t>(i, static_cast<std::uint32_t>(stored.base), kLimitSize);
  }
}

SegmentSelector selector_operand(Cpu& cpu, const Instruction& i) {
  return SegmentSelector(i.extra != 0 ? cpu.load<std::uint16_t>(i)
                                      : cpu.reg<std::uint16_t>(i.destination));
}

// A system descriptor that LDTR or TR is about to hold. Both must lie in the GDT.
TableEntry fetch_system_segment(Cpu& cpu, SegmentSelector selector, bool (*accepts)(SystemType)) {
  if (selector.is_local()) raise_selector(cpu, Exception::kGeneralProtection, selector);
  TableEntry entry = fetch_descriptor(cpu, selector, Exception::kGeneralProtection);
  const x86::Descriptor& descriptor = entry.descriptor;
  if (!descriptor.is_system() || !accepts(descriptor.system_type())) {
    raise_selector(cpu, Exception::kGeneralProtection, selector);
  }
  if (cpu.state.long_mode() && descriptor.system_type() == SystemType::kTss16Available) {
    raise_selector(cpu, Exception::kGeneralProtection, selector);
  }
  if (!descriptor.is_present()) raise_selector(cpu, Exception::kSegmentNotPresent, selector);
  fetch_high_half(cpu, entry, Exception::kGeneralProtection);
  if (!Cpu::is_canonical(entry.descriptor.base())) {
    raise_selector(cpu, Exception::kGeneralProtection, selector);
  }
  return entry;
}

void load_ldt(Cpu& cpu, const Instruction& i) {
  require_descriptors(cpu);
  require_privilege_0(cpu);
  const SegmentSelector selector = selector_operand(cpu, i);
  if (selector.is_null()) {
    cpu.state.ldtr = null_segment(selector);
    return;
  }
  const TableEntry entry =
      fetch_system_segment(cpu, selector, [](SystemType type) { return type == SystemType::kLdt; });
  cpu.state.ldtr = entry.descriptor.segment(selector);
}

void load_task(Cpu& cpu, const Instruction& i) {
  require_descriptors(cpu);
  require_privilege_0(cpu);
  const SegmentSelector selector = selector_operand(cpu, i);
  const TableEntry entry = fetch_system_segment(cpu, selector, x86::is_available_tss);
  mark_tss(cpu, entry.linear, Busy::kYes);
  cpu.state.tr = entry.descriptor.segment(selector);
  cpu.state.tr.attributes = x86::SegmentAttributes(
      static_cast<std::uint16_t>(cpu.state.tr.attributes.raw() | x86::kTssBusyBit));
}

template <x86::Segment x86::CpuState::*segment, typename T>
void store_selector_in_register(Cpu& cpu, const Instruction& i) {
  require_descriptors(cpu);
  check_user_instruction_prevention(cpu);
  cpu.set_reg<T>(i.destination, (cpu.state.*segment).selector);
}

template <x86::Segment x86::CpuState::*segment>
void store_selector_in_memory(Cpu& cpu, const Instruction& i) {
  require_descriptors(cpu);
  check_user_instruction_prevention(cpu);
  cpu.store<std::uint16_t>(i, (cpu.state.*segment).selector);
}

template <auto body>
bool select_table(const Decoded& decoded, Instruction& record) {
  if (!is_memory(decoded, 0)) return false;
  record.handler = &step<body>;
  return true;
}

template <auto body>
bool select_selector_load(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  record.extra = is_memory(decoded, 0) ? 1 : 0;
  record.handler = &step<body>;
  return true;
}

template <x86::Segment x86::CpuState::*segment>
bool select_selector_store(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  if (is_memory(decoded, 0)) {
    record.handler = &step<store_selector_in_memory<segment>>;
    return true;
  }
  record.handler = for_wide_width(width_of(decoded, 0), []<typename T>() -> Handler {
    return &step<store_selector_in_register<segment, T>>;
  });
  return record.handler != nullptr;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_LGDT, select_table<load_table<&x86::CpuState::gdtr>>},
    {ZYDIS_MNEMONIC_LIDT, select_table<load_table<&x86::CpuState::idtr>>},
    {ZYDIS_MNEMONIC_SGDT, select_table<store_table<&x86::CpuState::gdtr>>},
    {ZYDIS_MNEMONIC_SIDT, select_table<store_table<&x86::CpuState::idtr>>},
    {ZYDIS_MNEMONIC_LLDT, select_selector_load<load_ldt>},
    {ZYDIS_MNEMONIC_LTR, select_selector_load<load_task>},
    {ZYDIS_MNEMONIC_SLDT, select_selector_store<&x86::CpuState::ldtr>},
    {ZYDIS_MNEMONIC_STR, select_selector_store<&x86::CpuState::tr>},
};

}  // namespace

std::span<const Row> system_table_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
