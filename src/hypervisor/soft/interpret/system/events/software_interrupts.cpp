// INT n, INT3, INTO, INT1 and BOUND (SDM vol. 2; vol. 3A, 6.4.4 and 20.3).
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system.hpp"
#include "hypervisor/soft/interpret/system/events/virtual_interrupt.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "hypervisor/soft/interpret/system/segments/code_segment.hpp"
#include "hypervisor/soft/interpret/system/selectors.hpp"
#include "hypervisor/soft/interpret/system/transfer/pending_stack.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace rflags = x86::rflags;
using x86::Exception;
using x86::SegmentRegister;

// Whether the TSS's interrupt redirection map sends VECTOR to the virtual-8086 program's own
// handler (SDM vol. 3A, 20.3.3 and figure 20-5): a clear bit does.
bool is_redirected(Cpu& cpu, std::uint8_t vector) {
  const x86::Segment& tss = cpu.state.tr;
  const auto type = static_cast<x86::SystemType>(tss.attributes.type());
  if (!x86::is_wide(type) || tss.limit < x86::kTss32.minimum_limit) return false;
  const unsigned map_end = read_system<std::uint16_t>(cpu, tss.base + x86::kIoMapBase);
  if (map_end < x86::kInterruptRedirectionBytes) return false;
  const unsigned offset = map_end - x86::kInterruptRedirectionBytes + vector / 8;
  if (offset > tss.limit) return false;
  return !bit<unsigned>(read_system<std::uint8_t>(cpu, tss.base + offset), vector % 8);
}

// The interrupt vector table of the virtual-8086 program, at linear address 0. Below IOPL 3 the
// program sees VIF as its IF.
void deliver_to_virtual_8086_handler(Cpu& cpu, std::uint8_t vector, std::uint64_t return_rip) {
  const std::uint64_t old = cpu.rflags();
  const bool trusted = io_privilege(cpu) == 3;
  const auto handler = cpu.read<std::uint32_t>(std::uint64_t{vector} * 4);
  PendingStack stack = PendingStack::current(cpu);
  stack.push(trusted ? old : image_with_virtual_interrupt(cpu), 2);
  stack.push(cpu.state[SegmentRegister::kCs].selector, 2);
  stack.push(return_rip, 2);
  stack.commit();
  const std::uint64_t interrupt = trusted ? rflags::kInterrupt : rflags::kVirtualInterrupt;
  cpu.set_rflags(old & ~(interrupt | rflags::kTrap | rflags::kNestedTask | rflags::kResume));
  enter_code(cpu, paragraph_code(cpu, x86::SegmentSelector(handler >> 16)), handler & 0xffff);
}

// INT n in virtual-8086 mode (SDM vol. 3A, table 20-2). False: it goes through the IDT.
bool handled_in_virtual_8086(Cpu& cpu, std::uint8_t vector, std::uint64_t return_rip) {
  if (has_virtual_8086_extensions(cpu) && is_redirected(cpu, vector)) {
    deliver_to_virtual_8086_handler(cpu, vector, return_rip);
    return true;
  }
  if (io_privilege(cpu) != 3) cpu.raise(Exception::kGeneralProtection, 0);
  return false;
}

void interrupt(Cpu& cpu, EventKind kind, std::uint8_t vector, std::uint64_t return_rip) {
  deliver_event(cpu, {kind, vector}, return_rip);
  cpu.note_event_delivered();
}

void interrupt_by_number(Cpu& cpu, const Instruction& i) {
  const auto vector = static_cast<std::uint8_t>(i.immediate);
  const std::uint64_t return_rip = cpu.next_rip(i);
  if (cpu.state.virtual_8086() && handled_in_virtual_8086(cpu, vector, return_rip)) {
    cpu.note_event_delivered();
    return;
  }
  interrupt(cpu, EventKind::kSoftwareInterrupt, vector, return_rip);
}

void breakpoint(Cpu& cpu, const Instruction& i) {
  interrupt(cpu, EventKind::kSoftwareInterrupt, static_cast<std::uint8_t>(Exception::kBreakpoint),
            cpu.next_rip(i));
}

void interrupt_on_overflow(Cpu& cpu, const Instruction& i) {
  if (!cpu.flags.overflow()) return;
  interrupt(cpu, EventKind::kSoftwareInterrupt, static_cast<std::uint8_t>(Exception::kOverflow),
            cpu.next_rip(i));
}

// INT1: a #DB that leaves DR6 alone and does not look at the gate's DPL.
void debug_trap_instruction(Cpu& cpu, const Instruction& i) {
  interrupt(cpu, EventKind::kTrap, static_cast<std::uint8_t>(Exception::kDebug), cpu.next_rip(i));
}

template <typename T>
void check_bounds(Cpu& cpu, const Instruction& i) {
  using Signed = std::make_signed_t<T>;
  const auto lower = static_cast<Signed>(cpu.load<T>(i));
  const auto upper = static_cast<Signed>(cpu.load<T>(i, sizeof(T)));
  const auto index = static_cast<Signed>(cpu.reg<T>(i.destination));
  if (index < lower || index > upper) cpu.raise(Exception::kBoundRange);
}

bool select_bound(const Decoded& decoded, Instruction& record) {
  if (!is_memory(decoded, 1)) return false;
  fill_registers(decoded, record);
  record.handler = record.operand_size == 2 ? &step<check_bounds<std::uint16_t>>
                                            : &step<check_bounds<std::uint32_t>>;
  return true;
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_INT, select_leave<interrupt_by_number>, Ends::kBlock},
    {ZYDIS_MNEMONIC_INT3, select_leave<breakpoint>, Ends::kBlock},
    {ZYDIS_MNEMONIC_INTO, select_leave<interrupt_on_overflow>, Ends::kBlock},
    {ZYDIS_MNEMONIC_INT1, select_leave<debug_trap_instruction>, Ends::kBlock},
    {ZYDIS_MNEMONIC_BOUND, select_bound},
};

}  // namespace

std::span<const Row> interrupt_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
