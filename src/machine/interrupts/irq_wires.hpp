// The wires from devices to interrupt requests: several devices may share one, which is asserted
// while any of them asserts it (COM1 and COM3; the PCI interrupts).
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "machine/interrupts/interrupts.hpp"

namespace orrery::machine {

class IrqWires {
 public:
  // SINK outlives the wires.
  explicit IrqWires(InterruptSink& sink) : sink_(sink) {}

  // A device's own contact on a wire: to be called with its level, on any thread.
  struct Contact {
    unsigned gsi = 0;
    std::uint32_t bit = 0;
  };
  Contact connect(unsigned gsi) { return {gsi, 1u << contacts_[gsi]++}; }

  void set(const Contact& contact, bool asserted) {
    const std::lock_guard lock(mutex_);
    std::uint32_t& asserting = asserting_[contact.gsi];
    const bool before = asserting != 0;
    asserting = asserted ? asserting | contact.bit : asserting & ~contact.bit;
    // With the lock held, so that the sink sees the changes of one wire in their order.
    if (before != (asserting != 0)) sink_.set_irq(contact.gsi, asserting != 0);
  }

 private:
  InterruptSink& sink_;
  std::mutex mutex_;  // guards asserting_; taken with device locks held, before the controllers'
  std::array<std::uint32_t, kGlobalInterrupts> asserting_{};
  std::array<unsigned, kGlobalInterrupts> contacts_{};
};

}  // namespace orrery::machine
