// What a local APIC is wired to: its processor core, the other APICs, and the time-stamp counter.
#pragma once

#include <cstdint>

#include "base/types.hpp"
#include "device/interrupt_message.hpp"
#include "device/lapic/registers.hpp"

namespace orrery::device::lapic {

class LocalApic;

// Events that reach the core directly, past IRR and priorities (SDM vol. 3A, 11.8.2).
enum class CoreEvent : std::uint8_t { kNmi, kInit, kStartup };

class Connection {
 public:
  virtual ~Connection() = default;

  // An inter-processor interrupt leaves. `message.destination` counts for Shorthand::kNone only.
  virtual void send_ipi(LocalApic& from, Shorthand shorthand, const InterruptMessage& message) = 0;
  // The end of a level-triggered interrupt, for the I/O APICs.
  virtual void broadcast_eoi(std::uint8_t vector) = 0;
  // VECTOR is a start-up IPI's.
  virtual void signal(VcpuId core, CoreEvent event, std::uint8_t vector) = 0;
  // The 8259s' INTA cycles, for an interrupt that came as ExtINT.
  virtual std::uint8_t acknowledge_external() = 0;
  virtual std::uint64_t time_stamp() = 0;
  // When the time-stamp counter reaches VALUE, in machine time.
  virtual Ticks when_time_stamp(std::uint64_t value) = 0;
};

}  // namespace orrery::device::lapic
