// The system side of instructions that others need: delivery of exceptions and interrupts for the
// run loop; permission to use ports, and the system forms of shared mnemonics, for the integer
// families.
#pragma once

#include <cstdint>

#include "base/width.hpp"
#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

// Why an IDT entry is entered (SDM vol. 3A, 6.4 to 6.6): decides about privilege checks, the error
// code's EXT bit and what a second fault becomes.
enum class EventKind : std::uint8_t {
  kFault,  // the processor's own exception; RIP is the faulting instruction
  kTrap,   // the same, RIP is the next instruction (#DB single step; #BP and #OF come as software
           // interrupts)
  kSoftwareInterrupt,  // INT n, INT3, INTO: DPL of the gate is checked, RIP is the next instruction
  kExternal,           // an interrupt, or an NMI (vector 2)
};

struct Event {
  EventKind kind = EventKind::kFault;
  std::uint8_t vector = 0;
  bool has_error_code = false;
  std::uint32_t error_code = 0;
};

// Enters the handler for EVENT in every mode: real (IVT), virtual-8086, protected (interrupt, trap
// and task gates, stack switch), long (IST). Pushes RETURN_RIP. Ends with Cpu::set_rip() and
// mode_changed(). Throws a Fault if delivery itself faults, with architectural state unchanged.
void deliver_event(Cpu& cpu, const Event& event, std::uint64_t return_rip);

// Whether a fault during the delivery of FIRST makes a double fault (SDM vol. 3A, table 6-5).
bool makes_double_fault(x86::Exception first, x86::Exception second);

// #GP(0) unless the current privilege may use WIDTH bytes from PORT: CPL against IOPL, then the
// TSS's I/O permission bitmap (SDM vol. 1, 19.5).
void check_port_access(Cpu& cpu, std::uint16_t port, Width width);

// Mnemonics whose forms belong to two families. Their rows stand with the integer families and say
// Ends::kNothing for MOV, PUSH and POP; the selectors of integer_rows(), stack_rows() and
// control_rows() hand the forms below to the system family, which makes its handler with leave<>
// where the next instruction must be fetched or checked anew.
bool select_system_move(const Decoded& decoded, Instruction& record);   // MOV Sreg, CRn, DRn
bool select_segment_pop(const Decoded& decoded, Instruction& record);   // POP Sreg
bool select_far_transfer(const Decoded& decoded, Instruction& record);  // JMP, CALL and RET far

}  // namespace orrery::hypervisor::soft
