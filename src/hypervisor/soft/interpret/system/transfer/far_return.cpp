#include "hypervisor/soft/interpret/system/transfer/far_return.hpp"

#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/segments/segment_load.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Exception;
using x86::SegmentRegister;
using x86::SegmentSelector;

// SDM vol. 3A, 5.8.6: segments whose DPL is below the new CPL would leak the inner level's data.
void drop_inner_segments(Cpu& cpu, unsigned cpl) {
  for (const SegmentRegister reg :
       {SegmentRegister::kEs, SegmentRegister::kDs, SegmentRegister::kFs, SegmentRegister::kGs}) {
    x86::Segment& segment = cpu.state[reg];
    const x86::SegmentAttributes attributes = segment.attributes;
    if (!attributes.is_present() || attributes.is_conforming()) continue;
    if (attributes.dpl() < cpl) segment = null_segment(SegmentSelector(0));
  }
}

void return_far_in_paragraphs(Cpu& cpu, const Instruction& i) {
  PendingStack stack = PendingStack::current(cpu);
  const std::uint64_t rip = stack.pop(i.operand_size);
  const SegmentSelector selector(stack.pop(i.operand_size));
  const x86::Segment code = paragraph_code(cpu, selector);
  require_in_code(cpu, code, rip);
  stack.skip(i.immediate);
  stack.commit();
  enter_code(cpu, code, rip);
}

void return_far(Cpu& cpu, const Instruction& i) {
  if (!uses_descriptors(cpu)) return return_far_in_paragraphs(cpu, i);
  const unsigned width = i.operand_size;
  PendingStack stack = PendingStack::current(cpu);
  const std::uint64_t rip = stack.pop(width);
  const SegmentSelector selector(stack.pop(width));
  const x86::Segment code = checked_return_code(cpu, selector);
  stack.skip(i.immediate);
  if (selector.rpl() == cpu.cpl()) {
    require_in_code(cpu, code, rip);
    stack.commit();
    return enter_code(cpu, code, rip);
  }
  const std::uint64_t pointer = stack.pop(width);
  const SegmentSelector stack_selector(stack.pop(width));
  const x86::Segment outer = checked_return_stack(cpu, stack_selector, selector.rpl(),
                                                  is_64bit_code(cpu, code.attributes));
  require_in_code(cpu, code, rip);
  return_to_stack(cpu, code, rip, outer, pointer + i.immediate);
}

}  // namespace

x86::Segment checked_return_code(Cpu& cpu, SegmentSelector selector) {
  const TableEntry entry = fetch_descriptor(cpu, selector, Exception::kGeneralProtection);
  require_code(cpu, entry);
  const x86::SegmentAttributes attributes = entry.descriptor.attributes();
  const bool level_fits = attributes.is_conforming() ? attributes.dpl() <= selector.rpl()
                                                     : attributes.dpl() == selector.rpl();
  if (selector.rpl() < cpu.cpl() || !level_fits) {
    raise_selector(cpu, Exception::kGeneralProtection, selector);
  }
  require_present(cpu, entry);
  return accept_code(cpu, entry, selector.rpl());
}

x86::Segment checked_return_stack(Cpu& cpu, SegmentSelector selector, unsigned cpl,
                                  bool code_64bit) {
  if (!selector.is_null()) {
    return checked_stack_segment(cpu, selector, cpl, Exception::kGeneralProtection);
  }
  if (!code_64bit || cpl == 3 || selector.rpl() != cpl) {
    cpu.raise(Exception::kGeneralProtection, 0);
  }
  return null_stack_segment(selector, cpl);
}

void return_to_stack(Cpu& cpu, const x86::Segment& code, std::uint64_t rip,
                     const x86::Segment& stack, std::uint64_t pointer) {
  const unsigned old_cpl = cpu.cpl();
  const unsigned cpl = SegmentSelector(code.selector).rpl();
  std::uint64_t& rsp = cpu.gpr(x86::Gpr::kRsp);
  if (is_64bit_code(cpu, code.attributes)) {
    rsp = pointer;
  } else if (stack.attributes.is_big()) {
    rsp = pointer & 0xffff'ffff;
  } else {
    rsp = (rsp & ~std::uint64_t{0xffff}) | (pointer & 0xffff);
  }
  cpu.state[SegmentRegister::kSs] = stack;
  if (cpl > old_cpl) drop_inner_segments(cpu, cpl);
  enter_code(cpu, code, rip);
}

bool select_far_return(const Decoded&, Instruction& record) {
  record.handler = &leave<return_far>;
  return true;
}

}  // namespace orrery::hypervisor::soft
