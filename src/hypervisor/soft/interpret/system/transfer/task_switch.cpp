#include "hypervisor/soft/interpret/system/transfer/task_switch.hpp"

#include <array>

#include "hypervisor/soft/interpret/system/segments/code_segment.hpp"
#include "hypervisor/soft/interpret/system/segments/segment_load.hpp"
#include "hypervisor/soft/interpret/system/transfer/pending_stack.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Exception;
using x86::SegmentRegister;
using x86::SegmentSelector;
using x86::SystemType;
using x86::TssLayout;

constexpr unsigned kTaskGprs = 8;

const TssLayout& layout_of(const x86::SegmentAttributes& attributes) {
  return x86::is_wide(static_cast<SystemType>(attributes.type())) ? x86::kTss32 : x86::kTss16;
}

// What a TSS holds of a task.
struct TaskImage {
  std::uint32_t cr3 = 0;
  std::uint32_t rip = 0;
  std::uint32_t flags = 0;
  std::array<std::uint32_t, kTaskGprs> gpr{};
  std::array<SegmentSelector, x86::kSegmentRegisters> segments{};
  SegmentSelector ldt;
  bool debug_trap = false;
};

// Reads and writes the fields of one TSS.
class TaskSegment {
 public:
  TaskSegment(Cpu& cpu, const x86::Segment& segment)
      : cpu_(cpu), segment_(segment), layout_(layout_of(segment.attributes)) {}

  const TssLayout& layout() const { return layout_; }

  void require_size() {
    if (segment_.limit < layout_.minimum_limit) {
      raise_selector(cpu_, Exception::kInvalidTss, SegmentSelector(segment_.selector));
    }
  }
  void probe_write(unsigned offset, unsigned size) {
    cpu_.probe_write(cut_linear(cpu_, segment_.base + offset), size, AccessMode::kSupervisor);
  }
  std::uint32_t read(unsigned offset) {
    return layout_.width == 4 ? read_system<std::uint32_t>(cpu_, segment_.base + offset)
                              : read_selector(offset);
  }
  std::uint16_t read_selector(unsigned offset) {
    return read_system<std::uint16_t>(cpu_, segment_.base + offset);
  }
  void write(unsigned offset, std::uint64_t value) {
    if (layout_.width == 4) {
      write_system(cpu_, segment_.base + offset, static_cast<std::uint32_t>(value));
    } else {
      write_selector(offset, static_cast<std::uint16_t>(value));
    }
  }
  void write_selector(unsigned offset, std::uint16_t value) {
    write_system(cpu_, segment_.base + offset, value);
  }

 private:
  Cpu& cpu_;
  x86::Segment segment_;
  const TssLayout& layout_;
};

TaskImage read_task(TaskSegment& tss) {
  const TssLayout& layout = tss.layout();
  TaskImage image;
  if (layout.cr3 != 0) image.cr3 = tss.read(layout.cr3);
  image.rip = tss.read(layout.instruction_pointer);
  image.flags = tss.read(layout.flags);
  for (unsigned n = 0; n < kTaskGprs; ++n) {
    image.gpr[n] = tss.read(layout.registers + n * layout.width);
    if (layout.width == 2) image.gpr[n] |= 0xffff'0000;
  }
  for (unsigned n = 0; n < layout.selector_count; ++n) {
    image.segments[n] =
        SegmentSelector(tss.read_selector(layout.selectors + n * layout.selector_step));
  }
  image.ldt = SegmentSelector(tss.read_selector(layout.ldt));
  if (layout.debug_trap != 0) image.debug_trap = (tss.read_selector(layout.debug_trap) & 1) != 0;
  return image;
}

void save_task(Cpu& cpu, TaskSegment& tss, std::uint64_t rip, std::uint64_t flags) {
  const TssLayout& layout = tss.layout();
  tss.write(layout.instruction_pointer, rip);
  tss.write(layout.flags, flags);
  for (unsigned n = 0; n < kTaskGprs; ++n) {
    tss.write(layout.registers + n * layout.width, cpu.gpr(n));
  }
  for (unsigned n = 0; n < layout.selector_count; ++n) {
    tss.write_selector(layout.selectors + n * layout.selector_step, cpu.state.segments[n].selector);
  }
}

// Registers, flags and selectors of the new task; the segments' hidden parts are still to be
// loaded, and until then each is null.
void load_registers(Cpu& cpu, const TaskImage& image, const TssLayout& layout, TaskSwitch why) {
  constexpr std::uint64_t kLocalEnables = 0x155;  // L0 to L3 and LE
  if (layout.cr3 != 0 && (cpu.state.cr0 & x86::cr0::kPaging) != 0) {
    cpu.state.cr3 = image.cr3;
    cpu.flush_tlb_non_global();
  }
  for (unsigned n = 0; n < kTaskGprs; ++n) cpu.gpr(n) = image.gpr[n];
  cpu.set_rflags(why == TaskSwitch::kNest ? image.flags | x86::rflags::kNestedTask : image.flags);
  cpu.state.dr7 &= ~kLocalEnables;
  cpu.state.ldtr = null_segment(image.ldt);
  for (unsigned n = 0; n < x86::kSegmentRegisters; ++n) {
    cpu.state.segments[n] = cpu.state.virtual_8086() ? virtual_8086_segment(image.segments[n].raw())
                                                     : null_segment(image.segments[n]);
  }
  if (!cpu.state.virtual_8086()) {
    const unsigned cpl = image.segments[static_cast<unsigned>(SegmentRegister::kCs)].rpl();
    const SegmentSelector stack = image.segments[static_cast<unsigned>(SegmentRegister::kSs)];
    cpu.state[SegmentRegister::kSs] = null_stack_segment(stack, cpl);
  }
  cpu.mode_changed();
  cpu.set_rip(image.rip);
}

// The checks of SDM vol. 3A, table 7-1, in its order.
void load_ldt(Cpu& cpu, SegmentSelector selector) {
  if (selector.is_null()) return;
  if (selector.is_local()) raise_selector(cpu, Exception::kInvalidTss, selector);
  const TableEntry entry = fetch_descriptor(cpu, selector, Exception::kInvalidTss);
  const x86::Descriptor& descriptor = entry.descriptor;
  if (!descriptor.is_system() || descriptor.system_type() != SystemType::kLdt ||
      !descriptor.is_present()) {
    raise_selector(cpu, Exception::kInvalidTss, selector);
  }
  cpu.state.ldtr = descriptor.segment(selector);
}

x86::Segment checked_task_code(Cpu& cpu, SegmentSelector selector) {
  const TableEntry entry = fetch_descriptor(cpu, selector, Exception::kInvalidTss);
  const x86::SegmentAttributes attributes = entry.descriptor.attributes();
  const bool fits =
      attributes.is_code() && (attributes.is_conforming() ? attributes.dpl() <= selector.rpl()
                                                          : attributes.dpl() == selector.rpl());
  if (!fits) raise_selector(cpu, Exception::kInvalidTss, selector);
  require_present(cpu, entry);
  return accept_code(cpu, entry, selector.rpl());
}

void load_segments(Cpu& cpu, const TaskImage& image) {
  const auto selector_of = [&](SegmentRegister reg) {
    return image.segments[static_cast<unsigned>(reg)];
  };
  load_ldt(cpu, image.ldt);
  if (cpu.state.virtual_8086()) return;
  const unsigned cpl = selector_of(SegmentRegister::kCs).rpl();
  cpu.state[SegmentRegister::kCs] = checked_task_code(cpu, selector_of(SegmentRegister::kCs));
  cpu.mode_changed();
  cpu.state[SegmentRegister::kSs] =
      checked_stack_segment(cpu, selector_of(SegmentRegister::kSs), cpl, Exception::kInvalidTss);
  for (const SegmentRegister reg :
       {SegmentRegister::kDs, SegmentRegister::kEs, SegmentRegister::kFs, SegmentRegister::kGs}) {
    cpu.state[reg] = checked_data_segment(cpu, selector_of(reg), cpl, Exception::kInvalidTss);
  }
  cpu.mode_changed();
}

// What happens in the new task's context before its first instruction.
void arrive(Cpu& cpu, const TaskImage& image, const TssLayout& layout,
            const std::optional<std::uint32_t>& error_code) {
  load_segments(cpu, image);
  if (error_code) {
    PendingStack stack = PendingStack::current(cpu);
    stack.push(*error_code, layout.width);
    stack.commit();
  }
  require_in_code(cpu, cpu.state[SegmentRegister::kCs], image.rip);
  if (image.debug_trap) {
    cpu.state.dr6 |= x86::dr6::kTaskSwitch;
    cpu.raise(Exception::kDebug);
  }
}

x86::Segment busy_task(const TableEntry& entry) {
  x86::Segment segment = entry.descriptor.segment(entry.selector);
  segment.attributes = x86::SegmentAttributes(
      static_cast<std::uint16_t>(segment.attributes.raw() | x86::kTssBusyBit));
  return segment;
}

// Everything that may fault in the old task's context, before anything is written.
void check_departure(Cpu& cpu, TaskSegment& from, TaskSegment& to, const TableEntry& entry,
                     std::uint64_t old_descriptor) {
  constexpr unsigned kTypeByte = 5;
  to.require_size();
  from.require_size();
  from.probe_write(0, from.layout().minimum_limit + 1u);
  to.probe_write(0, 2);
  for (const std::uint64_t descriptor : {entry.linear, old_descriptor}) {
    cpu.probe_write(cut_linear(cpu, descriptor + kTypeByte), 1, AccessMode::kSupervisor);
  }
}

}  // namespace

void switch_task(Cpu& cpu, const TableEntry& entry, const TaskDeparture& departure) {
  const x86::Segment old_task = cpu.state.tr;
  const std::uint64_t old_descriptor =
      cpu.state.gdtr.base + SegmentSelector(old_task.selector).offset();
  TaskSegment from(cpu, old_task);
  TaskSegment to(cpu, busy_task(entry));
  check_departure(cpu, from, to, entry, old_descriptor);
  const TaskImage image = read_task(to);

  const bool returns = departure.why == TaskSwitch::kReturn;
  save_task(cpu, from, departure.rip,
            returns ? departure.flags & ~x86::rflags::kNestedTask : departure.flags);
  if (departure.why != TaskSwitch::kNest) mark_tss(cpu, old_descriptor, Busy::kNo);
  if (departure.why == TaskSwitch::kNest) {
    to.write_selector(to.layout().previous_task, old_task.selector);
  }
  if (!returns) mark_tss(cpu, entry.linear, Busy::kYes);

  cpu.state.tr = busy_task(entry);
  cpu.state.cr0 |= x86::cr0::kTaskSwitched;
  load_registers(cpu, image, to.layout(), departure.why);
  try {
    arrive(cpu, image, to.layout(), departure.error_code);
  } catch (Fault& fault) {
    fault.resumes_at = image.rip;
    throw;
  }
}

TableEntry task_behind_gate(Cpu& cpu, const x86::Descriptor& gate) {
  const SegmentSelector selector = gate.gate_selector();
  if (selector.is_local()) raise_selector(cpu, Exception::kGeneralProtection, selector);
  const TableEntry entry = fetch_descriptor(cpu, selector, Exception::kGeneralProtection);
  if (!entry.descriptor.is_system() || !x86::is_available_tss(entry.descriptor.system_type())) {
    raise_selector(cpu, Exception::kGeneralProtection, selector);
  }
  require_present(cpu, entry);
  return entry;
}

void return_from_nested_task(Cpu& cpu, std::uint64_t return_rip) {
  const SegmentSelector link(read_system<std::uint16_t>(cpu, cpu.state.tr.base));
  if (link.is_local()) raise_selector(cpu, Exception::kInvalidTss, link);
  const TableEntry entry = fetch_descriptor(cpu, link, Exception::kInvalidTss);
  if (!entry.descriptor.is_system() || !x86::is_busy_tss(entry.descriptor.system_type())) {
    raise_selector(cpu, Exception::kInvalidTss, link);
  }
  require_present(cpu, entry);
  switch_task(cpu, entry, {TaskSwitch::kReturn, return_rip, cpu.rflags()});
}

}  // namespace orrery::hypervisor::soft
