#include "hypervisor/soft/interpret/system/segments/segment_load.hpp"

#include <algorithm>

#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/segments/descriptors.hpp"
#include "hypervisor/soft/interpret/system/transfer/pending_stack.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Exception;
using x86::SegmentRegister;
using x86::SegmentSelector;

// A null selector in SS is allowed in 64-bit code below privilege level 3 only (SDM vol. 3A,
// 5.4.1.1).
x86::Segment loaded_stack_segment(Cpu& cpu, SegmentSelector selector) {
  if (!selector.is_null()) {
    return checked_stack_segment(cpu, selector, cpu.cpl(), Exception::kGeneralProtection);
  }
  if (!cpu.code_64bit() || cpu.cpl() == 3 || selector.rpl() != cpu.cpl()) {
    cpu.raise(Exception::kGeneralProtection, 0);
  }
  return null_stack_segment(selector, cpu.cpl());
}

x86::Segment loaded_segment(Cpu& cpu, SegmentRegister reg, SegmentSelector selector) {
  if (!cpu.state.protected_mode()) return real_mode_segment(cpu, reg, selector.raw());
  if (cpu.state.virtual_8086()) return virtual_8086_segment(selector.raw());
  if (reg == SegmentRegister::kSs) return loaded_stack_segment(cpu, selector);
  return checked_data_segment(cpu, selector, cpu.cpl(), Exception::kGeneralProtection);
}

SegmentRegister destination_segment(const Instruction& i) {
  return static_cast<SegmentRegister>(i.destination);
}

// MOV and POP to SS hold off interrupts and debug traps until after the next instruction (SDM vol.
// 3A, 6.8.3).
void hold_off_interrupts(Cpu& cpu, SegmentRegister reg) {
  if (reg == SegmentRegister::kSs) cpu.state.interrupt_shadow = true;
}

void move_register_to_segment(Cpu& cpu, const Instruction& i) {
  load_segment(cpu, destination_segment(i), SegmentSelector(cpu.reg<std::uint16_t>(i.source)));
  hold_off_interrupts(cpu, destination_segment(i));
}

void move_memory_to_segment(Cpu& cpu, const Instruction& i) {
  load_segment(cpu, destination_segment(i), SegmentSelector(cpu.load<std::uint16_t>(i)));
  hold_off_interrupts(cpu, destination_segment(i));
}

// 32- and 64-bit registers receive the selector with zeroes above (SDM vol. 2, MOV).
template <typename T>
void move_segment_to_register(Cpu& cpu, const Instruction& i) {
  cpu.set_reg<T>(i.destination, cpu.state.segments[i.source].selector);
}

void move_segment_to_memory(Cpu& cpu, const Instruction& i) {
  cpu.store<std::uint16_t>(i, cpu.state.segments[i.source].selector);
}

template <typename T>
void pop_segment(Cpu& cpu, const Instruction& i) {
  PendingStack stack = PendingStack::current(cpu);
  load_segment(cpu, destination_segment(i), SegmentSelector(stack.pop(sizeof(T))));
  stack.commit();
  hold_off_interrupts(cpu, destination_segment(i));
}

template <typename T, SegmentRegister reg>
void load_far_pointer(Cpu& cpu, const Instruction& i) {
  const T offset = cpu.load<T>(i);
  load_segment(cpu, reg, SegmentSelector(cpu.load<std::uint16_t>(i, sizeof(T))));
  cpu.set_reg<T>(i.destination, offset);
}

template <SegmentRegister reg>
bool select_load_far_pointer(const Decoded& decoded, Instruction& record) {
  if (!is_memory(decoded, 1)) return false;
  fill_registers(decoded, record);
  record.handler = for_wide_width(width_of(decoded, 0), []<typename T>() -> Handler {
    return &leave<load_far_pointer<T, reg>>;
  });
  return record.handler != nullptr;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_LDS, select_load_far_pointer<SegmentRegister::kDs>, Ends::kBlock},
    {ZYDIS_MNEMONIC_LES, select_load_far_pointer<SegmentRegister::kEs>, Ends::kBlock},
    {ZYDIS_MNEMONIC_LFS, select_load_far_pointer<SegmentRegister::kFs>, Ends::kBlock},
    {ZYDIS_MNEMONIC_LGS, select_load_far_pointer<SegmentRegister::kGs>, Ends::kBlock},
    {ZYDIS_MNEMONIC_LSS, select_load_far_pointer<SegmentRegister::kSs>, Ends::kBlock},
};

bool is_segment_register(const Decoded& decoded, unsigned index) {
  return is_register(decoded, index) &&
         ZydisRegisterGetClass(decoded.operands[index].reg.value) == ZYDIS_REGCLASS_SEGMENT;
}

bool select_segment_move(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  if (is_segment_register(decoded, 0)) {
    if (destination_segment(record) == SegmentRegister::kCs) return false;
    record.handler =
        is_memory(decoded, 1) ? &leave<move_memory_to_segment> : &leave<move_register_to_segment>;
    return true;
  }
  if (is_memory(decoded, 0)) {
    record.handler = &step<move_segment_to_memory>;
    return true;
  }
  record.handler = for_wide_width(width_of(decoded, 0), []<typename T>() -> Handler {
    return &step<move_segment_to_register<T>>;
  });
  return record.handler != nullptr;
}

}  // namespace

x86::Segment checked_data_segment(Cpu& cpu, SegmentSelector selector, unsigned cpl,
                                  Exception invalid) {
  if (selector.is_null()) return null_segment(selector);
  const TableEntry entry = fetch_descriptor(cpu, selector, invalid);
  const x86::SegmentAttributes attributes = entry.descriptor.attributes();
  if (!attributes.is_readable()) raise_selector(cpu, invalid, selector);
  if (!attributes.is_conforming() && std::max(cpl, selector.rpl()) > attributes.dpl()) {
    raise_selector(cpu, invalid, selector);
  }
  if (!attributes.is_present()) raise_selector(cpu, Exception::kSegmentNotPresent, selector);
  mark_accessed(cpu, entry);
  return entry.descriptor.segment(selector);
}

x86::Segment checked_stack_segment(Cpu& cpu, SegmentSelector selector, unsigned cpl,
                                   Exception invalid) {
  const TableEntry entry = fetch_descriptor(cpu, selector, invalid);
  const x86::SegmentAttributes attributes = entry.descriptor.attributes();
  if (selector.rpl() != cpl || !attributes.is_writable() || attributes.dpl() != cpl) {
    raise_selector(cpu, invalid, selector);
  }
  if (!attributes.is_present()) raise_selector(cpu, Exception::kStackFault, selector);
  mark_accessed(cpu, entry);
  return entry.descriptor.segment(selector);
}

void load_segment(Cpu& cpu, SegmentRegister reg, SegmentSelector selector) {
  cpu.state[reg] = loaded_segment(cpu, reg, selector);
  cpu.mode_changed();
}

std::span<const Row> segment_load_rows() {
  return kRows;
}

bool select_system_move(const Decoded& decoded, Instruction& record) {
  for (const unsigned index : {0u, 1u}) {
    if (!is_register(decoded, index)) continue;
    switch (ZydisRegisterGetClass(decoded.operands[index].reg.value)) {
      case ZYDIS_REGCLASS_SEGMENT: return select_segment_move(decoded, record);
      case ZYDIS_REGCLASS_CONTROL: return select_control_register_move(decoded, record);
      case ZYDIS_REGCLASS_DEBUG: return select_debug_register_move(decoded, record);
      default: break;
    }
  }
  return false;
}

bool select_segment_pop(const Decoded& decoded, Instruction& record) {
  if (!is_segment_register(decoded, 0)) return false;
  fill_registers(decoded, record);
  record.handler = for_wide_width(record.operand_size * 8u,
                                  []<typename T>() -> Handler { return &leave<pop_segment<T>>; });
  return record.handler != nullptr;
}

}  // namespace orrery::hypervisor::soft
