// Where interrupts of devices go: to this machine's own controllers (interrupt_complex.hpp), or to
// those inside the hypervisor (hypervisor_interrupts.hpp).
#pragma once

#include <cstdint>

namespace orrery::machine {

inline constexpr unsigned kGlobalInterrupts = 24;

// Any thread.
class InterruptSink {
 public:
  virtual ~InterruptSink() = default;

  // Level of a global system interrupt: 0 to 15 are the ISA IRQs, at the 8259s and the I/O APIC;
  // 16 to 23 are at the I/O APIC only.
  virtual void set_irq(unsigned gsi, bool asserted) = 0;
  virtual void send_msi(std::uint64_t address, std::uint32_t data) = 0;
};

}  // namespace orrery::machine
