// Interrupt controllers that live inside the hypervisor (KVM's in-kernel 8259s, I/O APIC and local
// APICs). Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/error.hpp"

namespace orrery::hypervisor {

// ---- State, as it is saved ----

// One 8259A.
struct PicState {
  std::uint8_t last_irr = 0;  // levels, for edge detection
  std::uint8_t irr = 0;
  std::uint8_t imr = 0;
  std::uint8_t isr = 0;
  std::uint8_t priority_add = 0;  // the highest priority
  std::uint8_t irq_base = 0;
  std::uint8_t read_register_select = 0;
  std::uint8_t poll = 0;
  std::uint8_t special_mask = 0;
  std::uint8_t initialization = 0;  // the next ICW
  std::uint8_t auto_eoi = 0;
  std::uint8_t rotate_on_auto_eoi = 0;
  std::uint8_t special_fully_nested_mode = 0;
  std::uint8_t wants_icw4 = 0;
  std::uint8_t elcr = 0;
  std::uint8_t elcr_mask = 0;
};

struct IoApicState {
  std::uint64_t base = 0;
  std::uint32_t select = 0;  // IOREGSEL
  std::uint32_t id = 0;
  std::uint32_t irr = 0;
  std::array<std::uint64_t, 24> redirections{};
};

struct ControllerState {
  std::array<PicState, 2> pics;  // master, slave
  IoApicState io_apic;
};

struct LocalApicState {
  std::uint64_t base = 0;                     // IA32_APIC_BASE
  std::array<std::uint32_t, 64> registers{};  // the one at offset 16 n of the page
  std::uint64_t tsc_deadline = 0;
  // The time-stamp counter, by which the deadline is meant. Nothing: leave it as it is.
  std::optional<std::uint64_t> time_stamp;
};

// A message-signalled interrupt behind an eventfd (eventfd(2)): whoever writes to the descriptor,
// be it another process or the kernel, raises it without passing through this process.
class InterruptEvent {
 public:
  virtual ~InterruptEvent() = default;
  virtual int descriptor() const = 0;
  // What it sends from now on. Until the first call, nothing.
  virtual Result<> route(std::uint64_t address, std::uint32_t data) = 0;
};

class InterruptController {
 public:
  virtual ~InterruptController() = default;

  // Level of a global system interrupt: 0 to 15 reach both the 8259s and the I/O APIC (0 at its
  // input 2, and 2 not at all), 16 to 23 the I/O APIC only.
  virtual void set_line(std::uint32_t gsi, bool asserted) = 0;
  virtual void send_msi(std::uint64_t address, std::uint32_t data) = 0;

  // While all vCPUs stand. Local APICs are the vCPUs' (Vcpu::local_apic()).
  virtual Result<ControllerState> state() const = 0;
  virtual Result<> set_state(const ControllerState& state) = 0;

  // The controllers outlive the event.
  virtual Result<std::unique_ptr<InterruptEvent>> create_event() = 0;
};

}  // namespace orrery::hypervisor
