// IRET, IRETD and IRETQ (SDM vol. 2, IRET; vol. 3A, 6.12, 6.14.3, 7.4, 20.2.5).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/events/virtual_interrupt.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/transfer/far_return.hpp"
#include "hypervisor/soft/interpret/system/transfer/task_switch.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace rflags = x86::rflags;
using x86::Exception;
using x86::SegmentRegister;
using x86::SegmentSelector;

// RIP, CS and RFLAGS as they lie on the stack.
struct Frame {
  std::uint64_t rip;
  SegmentSelector code;
  std::uint64_t flags;
};

Frame pop_frame(PendingStack& stack, unsigned width) {
  Frame frame;
  frame.rip = stack.pop(width);
  frame.code = SegmentSelector(stack.pop(width));
  frame.flags = stack.pop(width);
  return frame;
}

// Which flags IRET may change in protected mode at this privilege level.
std::uint64_t popped_flags(const Cpu& cpu, unsigned width) {
  const std::uint64_t wide = width == 2 ? 0 : ~std::uint64_t{0};
  std::uint64_t mask = kAlwaysPopped;
  mask |= wide & (rflags::kResume | rflags::kAlignmentCheck | rflags::kId);
  if (cpu.cpl() <= io_privilege(cpu)) mask |= rflags::kInterrupt;
  if (cpu.cpl() == 0) {
    mask |= rflags::kIopl;
    mask |= wide & (rflags::kVirtualInterrupt | rflags::kVirtualInterruptPending);
  }
  return mask;
}

void return_in_real_mode(Cpu& cpu, const Instruction& i) {
  PendingStack stack = PendingStack::current(cpu);
  const Frame frame = pop_frame(stack, i.operand_size);
  const x86::Segment code = paragraph_code(cpu, frame.code);
  require_in_code(cpu, code, frame.rip);
  std::uint64_t mask = kAlwaysPopped | rflags::kInterrupt | rflags::kIopl;
  if (i.operand_size != 2) mask |= rflags::kResume | rflags::kAlignmentCheck | rflags::kId;
  stack.commit();
  cpu.set_rflags(merged_flags(cpu.rflags(), frame.flags, mask));
  enter_code(cpu, code, frame.rip);
}

void return_within_virtual_8086(Cpu& cpu, const Instruction& i) {
  const bool trusted = io_privilege(cpu) == 3;
  if (!trusted && !(has_virtual_8086_extensions(cpu) && i.operand_size == 2)) {
    cpu.raise(Exception::kGeneralProtection, 0);
  }
  PendingStack stack = PendingStack::current(cpu);
  const Frame frame = pop_frame(stack, i.operand_size);
  const x86::Segment code = paragraph_code(cpu, frame.code);
  require_in_code(cpu, code, frame.rip);
  std::uint64_t mask = kAlwaysPopped | rflags::kInterrupt;
  if (i.operand_size != 2) mask |= rflags::kResume | rflags::kAlignmentCheck | rflags::kId;
  const std::uint64_t flags = trusted ? merged_flags(cpu.rflags(), frame.flags, mask)
                                      : flags_with_virtual_interrupt(cpu, frame.flags);
  stack.commit();
  cpu.set_rflags(flags);
  enter_code(cpu, code, frame.rip);
}

// From level 0 to a virtual-8086 program: all segments lie on the stack (SDM vol. 3A, 20.2.5).
void return_to_virtual_8086(Cpu& cpu, PendingStack& stack, const Frame& frame) {
  constexpr unsigned kWidth = 4;
  const std::uint64_t pointer = stack.pop(kWidth);
  const x86::Segment code = virtual_8086_segment(frame.code.raw());
  x86::Segment segments[x86::kSegmentRegisters];
  for (const SegmentRegister reg :
       {SegmentRegister::kSs, SegmentRegister::kEs, SegmentRegister::kDs, SegmentRegister::kFs,
        SegmentRegister::kGs}) {
    segments[static_cast<unsigned>(reg)] =
        virtual_8086_segment(static_cast<std::uint16_t>(stack.pop(kWidth)));
  }
  if (frame.rip > code.limit) cpu.raise(Exception::kGeneralProtection, 0);
  segments[static_cast<unsigned>(SegmentRegister::kCs)] = code;
  for (unsigned n = 0; n < x86::kSegmentRegisters; ++n) cpu.state.segments[n] = segments[n];
  cpu.gpr(x86::Gpr::kRsp) = pointer;
  cpu.set_rflags((frame.flags & rflags::kDefined) | rflags::kAlwaysOne);
  enter_code(cpu, code, frame.rip);
}

void return_in_protected_mode(Cpu& cpu, const Instruction& i) {
  const unsigned width = i.operand_size;
  PendingStack stack = PendingStack::current(cpu);
  const Frame frame = pop_frame(stack, width);
  const bool to_virtual_8086 = (frame.flags & rflags::kVirtual8086) != 0 && width == 4 &&
                               cpu.cpl() == 0 && !cpu.state.long_mode();
  if (to_virtual_8086) return return_to_virtual_8086(cpu, stack, frame);

  const x86::Segment code = checked_return_code(cpu, frame.code);
  const std::uint64_t flags = merged_flags(cpu.rflags(), frame.flags, popped_flags(cpu, width));
  // 64-bit code finds SS:RSP in every frame.
  if (frame.code.rpl() == cpu.cpl() && !cpu.code_64bit()) {
    require_in_code(cpu, code, frame.rip);
    stack.commit();
    cpu.set_rflags(flags);
    return enter_code(cpu, code, frame.rip);
  }
  const std::uint64_t pointer = stack.pop(width);
  const SegmentSelector stack_selector(stack.pop(width));
  const x86::Segment outer = checked_return_stack(cpu, stack_selector, frame.code.rpl(),
                                                  is_64bit_code(cpu, code.attributes));
  require_in_code(cpu, code, frame.rip);
  cpu.set_rflags(flags);
  return_to_stack(cpu, code, frame.rip, outer, pointer);
}

void return_from_interrupt(Cpu& cpu, const Instruction& i) {
  if (!cpu.state.protected_mode()) {
    return_in_real_mode(cpu, i);
  } else if (cpu.state.virtual_8086()) {
    return_within_virtual_8086(cpu, i);
  } else if ((cpu.rflags() & rflags::kNestedTask) != 0) {
    if (cpu.state.long_mode()) cpu.raise(Exception::kGeneralProtection, 0);
    return_from_nested_task(cpu, cpu.next_rip(i));
  } else {
    return_in_protected_mode(cpu, i);
  }
  cpu.state.nmi_blocked = false;
}

template <unsigned width>
bool select_width(const Decoded&, Instruction& record) {
  record.operand_size = width;
  record.handler = &leave<return_from_interrupt>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_IRET, select_width<2>, Ends::kBlock},
    {ZYDIS_MNEMONIC_IRETD, select_width<4>, Ends::kBlock},
    {ZYDIS_MNEMONIC_IRETQ, select_width<8>, Ends::kBlock},
};

}  // namespace

std::span<const Row> interrupt_return_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
