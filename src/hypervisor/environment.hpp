// What surrounds a vCPU: its bus, its local interrupt controller and its clock. The machine
// implements it; a hypervisor calls it on the vCPU's own thread, between or within instructions,
// and gets the answer at once.
//
// I/O is a call rather than an exit of run(): an instruction may need several accesses (string I/O,
// read-modify-write on device memory), and a call keeps it one instruction without a restart
// protocol. See docs/decisions/0001.
#pragma once

#include <cstdint>
#include <optional>

#include "base/types.hpp"
#include "base/width.hpp"

namespace orrery::hypervisor {

class Environment {
 public:
  virtual ~Environment() = default;

  // Port space. Unclaimed ports read as all ones and ignore writes.
  virtual std::uint64_t port_read(std::uint16_t port, Width width) = 0;
  virtual void port_write(std::uint16_t port, Width width, std::uint64_t value) = 0;

  // Device memory: addresses that are not in GuestMemory. Unclaimed addresses read as all ones.
  virtual std::uint64_t memory_read(GuestPhysical address, Width width) = 0;
  virtual void memory_write(GuestPhysical address, Width width, std::uint64_t value) = 0;

  // The local APIC and, wired through it, the 8259s. A hypervisor with in-kernel controllers never
  // asks. Whether an interrupt waits that the task priority lets through; acknowledging it returns
  // its vector.
  virtual bool interrupt_pending() = 0;
  virtual std::optional<std::uint8_t> acknowledge_interrupt() = 0;
  // Takes a waiting NMI: true once per NMI.
  virtual bool acknowledge_nmi() = 0;

  // CR8, the task priority in bits 3..0.
  virtual std::uint64_t task_priority() = 0;
  virtual void set_task_priority(std::uint64_t cr8) = 0;

  // MSRs that live outside the processor core: IA32_APIC_BASE (1Bh), IA32_TSC_DEADLINE (6E0h) and
  // the x2APIC range (800h to 8FFh). Nothing, or false: the access is a #GP.
  virtual std::optional<std::uint64_t> read_msr(std::uint32_t index) = 0;
  virtual bool write_msr(std::uint32_t index, std::uint64_t value) = 0;

  // The machine's time-stamp counter, before IA32_TSC_ADJUST.
  virtual std::uint64_t time_stamp() = 0;
};

}  // namespace orrery::hypervisor
