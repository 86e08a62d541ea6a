#include "hypervisor/soft/interpret/system/segments/code_segment.hpp"

#include "hypervisor/soft/interpret/system/privilege.hpp"
#include "hypervisor/soft/interpret/system/segments/segment_load.hpp"

namespace orrery::hypervisor::soft {

using x86::Exception;
using x86::SegmentSelector;

void require_code(Cpu& cpu, const TableEntry& entry) {
  const x86::SegmentAttributes attributes = entry.descriptor.attributes();
  const bool long_and_big = attributes.is_long() && attributes.is_big();
  if (!attributes.is_code() || (cpu.state.long_mode() && long_and_big)) {
    raise_selector(cpu, Exception::kGeneralProtection, entry.selector);
  }
}

void require_present(Cpu& cpu, const TableEntry& entry) {
  if (!entry.descriptor.is_present()) {
    raise_selector(cpu, Exception::kSegmentNotPresent, entry.selector);
  }
}

void require_in_code(Cpu& cpu, const x86::Segment& code, std::uint64_t offset) {
  if (is_64bit_code(cpu, code.attributes)) return require_canonical(cpu, offset);
  if (offset > code.limit) cpu.raise(Exception::kGeneralProtection, 0);
}

x86::Segment accept_code(Cpu& cpu, const TableEntry& entry, unsigned cpl) {
  mark_accessed(cpu, entry);
  return entry.descriptor.segment(entry.selector.with_rpl(cpl));
}

void enter_code(Cpu& cpu, const x86::Segment& code, std::uint64_t offset) {
  cpu.state[x86::SegmentRegister::kCs] = code;
  cpu.mode_changed();
  cpu.set_rip(offset);
}

x86::Segment paragraph_code(const Cpu& cpu, SegmentSelector selector) {
  return cpu.state.protected_mode()
             ? virtual_8086_segment(selector.raw())
             : real_mode_segment(cpu, x86::SegmentRegister::kCs, selector.raw());
}

std::uint64_t stack_pointer_in_tss64(Cpu& cpu, unsigned offset) {
  const x86::Segment& tss = cpu.state.tr;
  if (offset + sizeof(std::uint64_t) - 1 > tss.limit) {
    raise_selector(cpu, Exception::kInvalidTss, SegmentSelector(tss.selector));
  }
  return read_system<std::uint64_t>(cpu, tss.base + offset);
}

InnerStack inner_stack(Cpu& cpu, unsigned cpl) {
  if (cpu.state.long_mode()) {
    return {null_stack_segment(SegmentSelector(cpl), cpl),
            stack_pointer_in_tss64(cpu, x86::tss64::kRsp0 + 8 * cpl)};
  }
  const x86::Segment& tss = cpu.state.tr;
  const bool wide = x86::is_wide(static_cast<x86::SystemType>(tss.attributes.type()));
  const x86::TssLayout& layout = wide ? x86::kTss32 : x86::kTss16;
  const unsigned offset = layout.stacks + layout.stack_step * cpl;
  if (offset + layout.width + sizeof(std::uint16_t) - 1 > tss.limit) {
    raise_selector(cpu, Exception::kInvalidTss, SegmentSelector(tss.selector));
  }
  const std::uint64_t linear = tss.base + offset;
  const std::uint64_t pointer =
      wide ? read_system<std::uint32_t>(cpu, linear) : read_system<std::uint16_t>(cpu, linear);
  const SegmentSelector selector(read_system<std::uint16_t>(cpu, linear + layout.width));
  return {checked_stack_segment(cpu, selector, cpl, Exception::kInvalidTss), pointer};
}

}  // namespace orrery::hypervisor::soft
