// JMP and CALL far: to code segments, through call gates, and to tasks (SDM vol. 2, JMP and CALL;
// vol. 3A, 5.8.1 to 5.8.5 and 7.3).
#include <algorithm>

#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system.hpp"
#include "hypervisor/soft/interpret/system/segments/code_segment.hpp"
#include "hypervisor/soft/interpret/system/transfer/far_return.hpp"
#include "hypervisor/soft/interpret/system/transfer/pending_stack.hpp"
#include "hypervisor/soft/interpret/system/transfer/task_switch.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Exception;
using x86::SegmentRegister;
using x86::SegmentSelector;
using x86::SystemType;

enum class Transfer : std::uint8_t { kJump, kCall };

// How a CALL returns: where to, and how wide CS and the instruction pointer are pushed.
struct Return {
  std::uint64_t rip;
  unsigned width;
};

std::uint16_t current_cs(const Cpu& cpu) {
  return cpu.state[SegmentRegister::kCs].selector;
}

void push_return(PendingStack& stack, const Cpu& cpu, const Return& back) {
  stack.push(current_cs(cpu), back.width);
  stack.push(back.rip, back.width);
}

// The end of every transfer that stays on its stack.
void enter_on_same_stack(Cpu& cpu, Transfer transfer, const x86::Segment& code,
                         std::uint64_t offset, const Return& back) {
  PendingStack stack = PendingStack::current(cpu);
  if (transfer == Transfer::kCall) push_return(stack, cpu, back);
  require_in_code(cpu, code, offset);
  if (transfer == Transfer::kCall) stack.commit();
  enter_code(cpu, code, offset);
}

void transfer_to_code(Cpu& cpu, Transfer transfer, const TableEntry& entry, std::uint64_t offset,
                      const Return& back) {
  require_code(cpu, entry);
  const x86::SegmentAttributes attributes = entry.descriptor.attributes();
  const bool allowed = attributes.is_conforming()
                           ? attributes.dpl() <= cpu.cpl()
                           : entry.selector.rpl() <= cpu.cpl() && attributes.dpl() == cpu.cpl();
  if (!allowed) raise_selector(cpu, Exception::kGeneralProtection, entry.selector);
  require_present(cpu, entry);
  enter_on_same_stack(cpu, transfer, accept_code(cpu, entry, cpu.cpl()), offset, back);
}

// CALL through a gate to a more privileged level: the stack changes, and the gate says how many
// parameters move along (SDM vol. 3A, 5.8.5).
void call_inner(Cpu& cpu, unsigned parameters, const TableEntry& code_entry, std::uint64_t offset,
                const Return& back) {
  const unsigned cpl = code_entry.descriptor.dpl();
  const x86::Segment code = accept_code(cpu, code_entry, cpl);
  const InnerStack inner = inner_stack(cpu, cpl);
  const bool code_64bit = is_64bit_code(cpu, code.attributes);
  PendingStack outer = PendingStack::current(cpu);
  PendingStack stack(cpu, inner.segment, inner.pointer, cpl, code_64bit,
                     SegmentSelector(inner.segment.selector).error_code());

  stack.push(cpu.state[SegmentRegister::kSs].selector, back.width);
  stack.push(cpu.gpr(x86::Gpr::kRsp), back.width);
  for (unsigned n = parameters; n-- > 0;) {
    stack.push(outer.peek(std::uint64_t{n} * back.width, back.width), back.width);
  }
  push_return(stack, cpu, back);
  require_in_code(cpu, code, offset);

  cpu.state[SegmentRegister::kSs] = inner.segment;
  stack.commit();
  enter_code(cpu, code, offset);
}

// #GP(selector) unless a gate's or TSS's DPL admits both CPL and RPL.
void require_admission(Cpu& cpu, const TableEntry& entry) {
  if (entry.descriptor.dpl() < std::max(cpu.cpl(), entry.selector.rpl())) {
    raise_selector(cpu, Exception::kGeneralProtection, entry.selector);
  }
}

// The code segment behind a call gate (SDM vol. 3A, 5.8.4).
TableEntry code_behind_gate(Cpu& cpu, const x86::Descriptor& gate) {
  const TableEntry entry =
      fetch_descriptor(cpu, gate.gate_selector(), Exception::kGeneralProtection);
  require_code(cpu, entry);
  const x86::SegmentAttributes attributes = entry.descriptor.attributes();
  if (attributes.dpl() > cpu.cpl() || (cpu.state.long_mode() && !attributes.is_long())) {
    raise_selector(cpu, Exception::kGeneralProtection, entry.selector);
  }
  require_present(cpu, entry);
  return entry;
}

unsigned gate_width(const Cpu& cpu, SystemType type) {
  if (cpu.state.long_mode()) return 8;
  return x86::is_wide(type) ? 4 : 2;
}

void transfer_through_gate(Cpu& cpu, Transfer transfer, TableEntry gate, std::uint64_t return_rip) {
  require_admission(cpu, gate);
  require_present(cpu, gate);
  fetch_high_half(cpu, gate, Exception::kGeneralProtection);
  const TableEntry code = code_behind_gate(cpu, gate.descriptor);
  const x86::SegmentAttributes attributes = code.descriptor.attributes();
  const unsigned width = gate_width(cpu, gate.descriptor.system_type());
  // A 16-bit gate's upper offset bits are not part of it.
  const std::uint64_t offset =
      width == 2 ? gate.descriptor.gate_offset() & 0xffff : gate.descriptor.gate_offset();
  const bool inner = !attributes.is_conforming() && attributes.dpl() < cpu.cpl();
  if (inner && transfer == Transfer::kJump) {
    raise_selector(cpu, Exception::kGeneralProtection, code.selector);
  }
  if (inner) {
    const unsigned parameters = cpu.state.long_mode() ? 0 : gate.descriptor.gate_parameters();
    return call_inner(cpu, parameters, code, offset, {return_rip, width});
  }
  enter_on_same_stack(cpu, transfer, accept_code(cpu, code, cpu.cpl()), offset,
                      {return_rip, width});
}

TaskSwitch task_switch_for(Transfer transfer) {
  return transfer == Transfer::kCall ? TaskSwitch::kNest : TaskSwitch::kJump;
}

void transfer_to_system(Cpu& cpu, Transfer transfer, const TableEntry& entry,
                        std::uint64_t return_rip) {
  const SystemType type = entry.descriptor.system_type();
  const bool long_mode = cpu.state.long_mode();
  if (type == SystemType::kCallGate32 || (type == SystemType::kCallGate16 && !long_mode)) {
    return transfer_through_gate(cpu, transfer, entry, return_rip);
  }
  if (long_mode || !(type == SystemType::kTaskGate || x86::is_available_tss(type))) {
    raise_selector(cpu, Exception::kGeneralProtection, entry.selector);
  }
  require_admission(cpu, entry);
  require_present(cpu, entry);
  const TableEntry task =
      type == SystemType::kTaskGate ? task_behind_gate(cpu, entry.descriptor) : entry;
  switch_task(cpu, task, {task_switch_for(transfer), return_rip, cpu.rflags()});
}

void transfer_far(Cpu& cpu, Transfer transfer, const FarPointer& target, const Return& back) {
  if (!uses_descriptors(cpu)) {
    return enter_on_same_stack(cpu, transfer, paragraph_code(cpu, target.selector), target.offset,
                               back);
  }
  const TableEntry entry = fetch_descriptor(cpu, target.selector, Exception::kGeneralProtection);
  if (entry.descriptor.is_system()) return transfer_to_system(cpu, transfer, entry, back.rip);
  transfer_to_code(cpu, transfer, entry, target.offset, back);
}

// ptr16:16 and ptr16:32: the selector stands above the offset in the immediate.
constexpr unsigned kSelectorShift = 32;

template <Transfer transfer>
void transfer_direct(Cpu& cpu, const Instruction& i) {
  transfer_far(cpu, transfer,
               {SegmentSelector(i.immediate >> kSelectorShift), i.immediate & 0xffff'ffff},
               {cpu.next_rip(i), i.operand_size});
}

template <Transfer transfer, typename T>
void transfer_indirect(Cpu& cpu, const Instruction& i) {
  const std::uint64_t offset = cpu.load<T>(i);
  const SegmentSelector selector(cpu.load<std::uint16_t>(i, sizeof(T)));
  transfer_far(cpu, transfer, {selector, offset}, {cpu.next_rip(i), sizeof(T)});
}

template <Transfer transfer>
bool select_transfer(const Decoded& decoded, Instruction& record) {
  const ZydisDecodedOperand& target = decoded.operands[0];
  if (target.type == ZYDIS_OPERAND_TYPE_POINTER) {
    record.immediate = (std::uint64_t{target.ptr.segment} << kSelectorShift) |
                       (target.ptr.offset & (record.operand_size == 2 ? 0xffffu : ~0u));
    record.handler = &leave<transfer_direct<transfer>>;
    return true;
  }
  if (!is_memory(decoded, 0)) return false;
  record.handler = for_wide_width(record.operand_size * 8u, []<typename T>() -> Handler {
    return &leave<transfer_indirect<transfer, T>>;
  });
  return record.handler != nullptr;
}

}  // namespace

bool select_far_transfer(const Decoded& decoded, Instruction& record) {
  switch (decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_JMP: return select_transfer<Transfer::kJump>(decoded, record);
    case ZYDIS_MNEMONIC_CALL: return select_transfer<Transfer::kCall>(decoded, record);
    default: return select_far_return(decoded, record);
  }
}

}  // namespace orrery::hypervisor::soft
