// Entering the handler of an exception or interrupt (SDM vol. 3A, chapter 6; vol. 2, INT n).
#include "hypervisor/soft/interpret/system.hpp"
#include "hypervisor/soft/interpret/system/segments/code_segment.hpp"
#include "hypervisor/soft/interpret/system/transfer/pending_stack.hpp"
#include "hypervisor/soft/interpret/system/transfer/task_switch.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace rflags = x86::rflags;
using x86::Exception;
using x86::SegmentRegister;
using x86::SegmentSelector;
using x86::SystemType;

// ---- Real-address mode (SDM vol. 3A, 20.1.4)

void deliver_in_real_mode(Cpu& cpu, const Event& event, std::uint64_t return_rip) {
  constexpr unsigned kEntrySize = 4;
  const unsigned offset = event.vector * kEntrySize;
  if (offset + kEntrySize - 1 > cpu.state.idtr.limit) {
    cpu.raise(Exception::kGeneralProtection, 0);
  }
  const auto handler = read_system<std::uint32_t>(cpu, cpu.state.idtr.base + offset);
  PendingStack stack = PendingStack::current(cpu);
  stack.push(cpu.rflags(), 2);
  stack.push(cpu.state[SegmentRegister::kCs].selector, 2);
  stack.push(return_rip, 2);
  stack.commit();
  constexpr std::uint64_t kCleared =
      rflags::kInterrupt | rflags::kTrap | rflags::kAlignmentCheck | rflags::kResume;
  cpu.set_rflags(cpu.rflags() & ~kCleared);
  enter_code(cpu, paragraph_code(cpu, SegmentSelector(handler >> 16)), handler & 0xffff);
}

// ---- Protected mode and IA-32e mode

// Error codes that name an IDT entry.
std::uint32_t idt_error_code(const Event& event) {
  return (std::uint32_t{event.vector} << 3) | x86::selector_error::kIdt;
}

bool is_gate_of_mode(const Cpu& cpu, SystemType type) {
  const bool handler = x86::is_interrupt_gate(type) || x86::is_trap_gate(type);
  if (cpu.state.long_mode()) return handler && x86::is_wide(type);
  return handler || type == SystemType::kTaskGate;
}

x86::Descriptor fetch_gate(Cpu& cpu, const Event& event) {
  const bool long_mode = cpu.state.long_mode();
  const unsigned size = long_mode ? 16 : 8;
  const unsigned offset = event.vector * size;
  if (offset + size - 1 > cpu.state.idtr.limit) {
    cpu.raise(Exception::kGeneralProtection, idt_error_code(event));
  }
  const std::uint64_t linear = cpu.state.idtr.base + offset;
  const auto low = read_system<std::uint64_t>(cpu, linear);
  const auto high = long_mode ? read_system<std::uint64_t>(cpu, linear + 8) : 0;
  return x86::Descriptor(low, high);
}

x86::Descriptor checked_gate(Cpu& cpu, const Event& event) {
  const x86::Descriptor gate = fetch_gate(cpu, event);
  if (!gate.is_system() || !is_gate_of_mode(cpu, gate.system_type())) {
    cpu.raise(Exception::kGeneralProtection, idt_error_code(event));
  }
  if (event.kind == EventKind::kSoftwareInterrupt && gate.dpl() < cpu.cpl()) {
    cpu.raise(Exception::kGeneralProtection, idt_error_code(event));
  }
  if (!gate.is_present()) cpu.raise(Exception::kSegmentNotPresent, idt_error_code(event));
  return gate;
}

// The handler's code segment (SDM vol. 3A, 6.12.1.1 and 20.3.1).
TableEntry checked_handler(Cpu& cpu, const x86::Descriptor& gate) {
  const TableEntry entry =
      fetch_descriptor(cpu, gate.gate_selector(), Exception::kGeneralProtection);
  require_code(cpu, entry);
  const x86::SegmentAttributes attributes = entry.descriptor.attributes();
  const bool fits_mode = !cpu.state.long_mode() || attributes.is_long();
  const bool fits_virtual_8086 =
      !cpu.state.virtual_8086() || (!attributes.is_conforming() && attributes.dpl() == 0);
  if (attributes.dpl() > cpu.cpl() || !fits_mode || !fits_virtual_8086) {
    raise_selector(cpu, Exception::kGeneralProtection, entry.selector);
  }
  require_present(cpu, entry);
  return entry;
}

// RFLAGS as the handler finds them on its stack. RF is set for faults, so that the instruction is
// not stopped again when it restarts; not for those of instruction breakpoints themselves, whose
// handlers see to it (SDM vol. 3B, 17.3.1.1).
std::uint64_t pushed_flags(const Cpu& cpu, const Event& event) {
  const bool sets_resume = event.kind == EventKind::kFault &&
                           event.vector != static_cast<std::uint8_t>(Exception::kDebug);
  return cpu.rflags() | (sets_resume ? rflags::kResume : 0);
}

// One entry through an interrupt or trap gate.
struct Entry {
  x86::Segment code;
  std::uint64_t offset;
  unsigned cpl;
  unsigned width;  // of everything that is pushed
  unsigned ist;    // 0: none
  bool clears_interrupt;
};

Entry plan_entry(Cpu& cpu, const x86::Descriptor& gate) {
  const TableEntry handler = checked_handler(cpu, gate);
  const x86::SegmentAttributes attributes = handler.descriptor.attributes();
  const bool wide = x86::is_wide(gate.system_type());
  Entry entry;
  entry.cpl = attributes.is_conforming() ? cpu.cpl() : attributes.dpl();
  entry.code = accept_code(cpu, handler, entry.cpl);
  entry.width = cpu.state.long_mode() ? 8 : wide ? 4 : 2;
  entry.offset = wide ? gate.gate_offset() : gate.gate_offset() & 0xffff;
  entry.ist = cpu.state.long_mode() ? gate.gate_ist() : 0;
  entry.clears_interrupt = x86::is_interrupt_gate(gate.system_type());
  require_in_code(cpu, entry.code, entry.offset);
  return entry;
}

// What is pushed on the handler's stack last, on the same stack or on another.
void push_frame(PendingStack& stack, Cpu& cpu, const Entry& entry, const Event& event,
                std::uint64_t return_rip) {
  stack.push(pushed_flags(cpu, event), entry.width);
  stack.push(cpu.state[SegmentRegister::kCs].selector, entry.width);
  stack.push(return_rip, entry.width);
  if (event.has_error_code) stack.push(event.error_code, entry.width);
}

void push_stack_pointer(PendingStack& stack, Cpu& cpu, unsigned width) {
  stack.push(cpu.state[SegmentRegister::kSs].selector, width);
  stack.push(cpu.gpr(x86::Gpr::kRsp), width);
}

constexpr SegmentRegister kDataSegments[] = {SegmentRegister::kGs, SegmentRegister::kFs,
                                             SegmentRegister::kDs, SegmentRegister::kEs};

void commit_entry(Cpu& cpu, const Entry& entry, const PendingStack& stack,
                  const x86::Segment& stack_segment) {
  if (cpu.state.virtual_8086()) {
    for (const SegmentRegister reg : kDataSegments)
      cpu.state[reg] = null_segment(SegmentSelector(0));
  }
  cpu.state[SegmentRegister::kSs] = stack_segment;
  cpu.gpr(x86::Gpr::kRsp) = stack.pointer();
  std::uint64_t cleared =
      rflags::kTrap | rflags::kNestedTask | rflags::kResume | rflags::kVirtual8086;
  if (entry.clears_interrupt) cleared |= rflags::kInterrupt;
  cpu.set_rflags(cpu.rflags() & ~cleared);
  enter_code(cpu, entry.code, entry.offset);
}

// SDM vol. 3A, 6.14.2 to 6.14.5.
void enter_in_ia32e(Cpu& cpu, const Entry& entry, const Event& event, std::uint64_t return_rip) {
  const bool inner = entry.cpl != cpu.cpl();
  InnerStack target{cpu.state[SegmentRegister::kSs], cpu.gpr(x86::Gpr::kRsp)};
  if (inner) target.segment = null_stack_segment(SegmentSelector(entry.cpl), entry.cpl);
  if (entry.ist != 0) {
    target.pointer = stack_pointer_in_tss64(cpu, x86::tss64::kIst1 + 8 * (entry.ist - 1));
  } else if (inner) {
    target.pointer = stack_pointer_in_tss64(cpu, x86::tss64::kRsp0 + 8 * entry.cpl);
  }
  PendingStack stack(cpu, target.segment, target.pointer, entry.cpl, true, 0);
  stack.align_16();
  push_stack_pointer(stack, cpu, entry.width);
  push_frame(stack, cpu, entry, event, return_rip);
  commit_entry(cpu, entry, stack, target.segment);
}

void enter_in_legacy(Cpu& cpu, const Entry& entry, const Event& event, std::uint64_t return_rip) {
  if (entry.cpl == cpu.cpl()) {
    PendingStack stack = PendingStack::current(cpu);
    push_frame(stack, cpu, entry, event, return_rip);
    return commit_entry(cpu, entry, stack, cpu.state[SegmentRegister::kSs]);
  }
  const InnerStack target = inner_stack(cpu, entry.cpl);
  PendingStack stack(cpu, target.segment, target.pointer, entry.cpl, false,
                     SegmentSelector(target.segment.selector).error_code());
  if (cpu.state.virtual_8086()) {
    for (const SegmentRegister reg : kDataSegments) {
      stack.push(cpu.state[reg].selector, entry.width);
    }
  }
  push_stack_pointer(stack, cpu, entry.width);
  push_frame(stack, cpu, entry, event, return_rip);
  commit_entry(cpu, entry, stack, target.segment);
}

void enter_task(Cpu& cpu, const x86::Descriptor& gate, const Event& event,
                std::uint64_t return_rip) {
  TaskDeparture departure{TaskSwitch::kNest, return_rip, pushed_flags(cpu, event)};
  if (event.has_error_code) departure.error_code = event.error_code;
  switch_task(cpu, task_behind_gate(cpu, gate), departure);
}

void deliver_through_gate(Cpu& cpu, const Event& event, std::uint64_t return_rip) {
  const x86::Descriptor gate = checked_gate(cpu, event);
  if (gate.system_type() == SystemType::kTaskGate) {
    return enter_task(cpu, gate, event, return_rip);
  }
  const Entry entry = plan_entry(cpu, gate);
  if (cpu.state.long_mode()) {
    enter_in_ia32e(cpu, entry, event, return_rip);
  } else {
    enter_in_legacy(cpu, entry, event, return_rip);
  }
}

bool names_a_selector(Exception exception) {
  return exception == Exception::kInvalidTss || exception == Exception::kSegmentNotPresent ||
         exception == Exception::kStackFault || exception == Exception::kGeneralProtection;
}

bool is_contributory(Exception exception) {
  return exception == Exception::kDivideError || names_a_selector(exception);
}

}  // namespace

void deliver_event(Cpu& cpu, const Event& event, std::uint64_t return_rip) {
  if (!cpu.state.protected_mode()) {
    deliver_in_real_mode(cpu, event, return_rip);
  } else {
    try {
      deliver_through_gate(cpu, event, return_rip);
    } catch (Fault& fault) {
      // EXT: the fault is not the program's own (SDM vol. 3A, 6.13).
      const bool external = event.kind != EventKind::kSoftwareInterrupt;
      if (external && names_a_selector(fault.exception)) {
        fault.error_code |= x86::selector_error::kExternal;
      }
      throw;
    }
  }
  const bool is_debug = event.vector == static_cast<std::uint8_t>(Exception::kDebug) &&
                        event.kind != EventKind::kExternal;
  if (is_debug) cpu.state.dr7 &= ~x86::dr7::kGeneralDetect;
}

bool makes_double_fault(Exception first, Exception second) {
  if (first == Exception::kPageFault) {
    return second == Exception::kPageFault || is_contributory(second);
  }
  return is_contributory(first) && is_contributory(second);
}

}  // namespace orrery::hypervisor::soft
