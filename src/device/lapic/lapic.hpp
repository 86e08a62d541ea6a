// A local APIC: xAPIC by memory, x2APIC by MSRs (SDM vol. 3A, chapter 11).
//
// Region 0 is the memory-mapped page, at base_address() for its own processor only. The timer
// counts nanoseconds divided by the divide configuration. All calls are serialized by the owner's
// lock (host.device_lock()), which is the same for all local APICs, the I/O APIC and the 8259s.
//
// Files: lapic.cpp (registers by memory and MSR), priority.cpp (accepting, priorities, EOI),
// ipi.cpp (ICR), timer.cpp, state.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "device/device.hpp"
#include "device/host.hpp"
#include "device/interrupt_message.hpp"
#include "device/lapic/connection.hpp"
#include "device/lapic/registers.hpp"
#include "device/lapic/vector_set.hpp"

namespace orrery::device::lapic {

class LocalApic : public Device {
 public:
  // HOST and CONNECTION outlive the APIC. ID is its processor's, and its initial APIC id.
  LocalApic(VcpuId id, Host& host, Connection& connection);

  // ---- The core's side ----

  // Whether an interrupt waits that the core may take (with RFLAGS.IF set).
  bool pending() const;
  // Takes it and returns its vector; nothing when none waits any more.
  std::optional<std::uint8_t> acknowledge();

  std::uint64_t task_priority() const { return r_.task_priority >> 4; }  // CR8
  void set_task_priority(std::uint64_t cr8);

  // IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC MSRs; nothing, or false: #GP.
  std::optional<std::uint64_t> read_msr(std::uint32_t index);
  bool write_msr(std::uint32_t index, std::uint64_t value);

  // Where the page answers, or nothing while it does not (disabled, or in x2APIC mode).
  std::optional<GuestPhysical> base_address() const;

  // ---- The other side ----

  // Whether a message is for this APIC (11.6.2).
  bool accepts(const InterruptMessage& message) const;
  void deliver(const InterruptMessage& message);
  // For lowest-priority arbitration: less is chosen first.
  std::uint8_t processor_priority() const;
  // Level of the LINT0 pin, which is the 8259s' INT output.
  void set_lint0(bool level);

  VcpuId id() const { return id_; }

  // INIT: as reset, but keeps the APIC id, IA32_APIC_BASE and thus the mode (11.4.7.3).
  void initialize();
  // What firmware leaves on the bootstrap processor: enabled, the 8259s' interrupts passed through
  // LINT0 ("virtual wire mode", MultiProcessor Specification 1.4, 3.6.2.2), NMI on LINT1.
  void enter_virtual_wire_mode();

  std::string_view name() const override { return "lapic"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override;
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override;
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  struct Registers {
    std::uint64_t base = apic_base::kReset | apic_base::kEnable;
    std::uint8_t xapic_id = 0;
    std::uint8_t task_priority = 0;
    std::uint32_t logical_destination = 0;
    std::uint32_t destination_format = 0xffff'ffff;
    std::uint32_t spurious_vector = svr::kReset;
    VectorSet in_service;
    VectorSet trigger_mode;
    VectorSet interrupt_request;
    std::uint32_t error_status = 0;   // as last latched by a write to ESR
    std::uint32_t error_pending = 0;  // since then
    std::uint64_t interrupt_command = 0;
    std::array<std::uint32_t, lvt::kEntries> local_vectors{};
    std::uint32_t initial_count = 0;
    std::uint8_t divide_configuration = 0;
    std::int64_t timer_start = 0;           // when the running period began
    std::optional<std::int64_t> timer_due;  // when it ends; nothing: not counting
    std::uint64_t tsc_deadline = 0;
    bool lint0 = false;
    bool external_message = false;  // an ExtINT message (I/O APIC, IPI) waits

    template <typename Archive, typename Self>
    static void fields(Archive& archive, Self& self) {
      archive("base", self.base);
      archive("xapic_id", self.xapic_id);
      archive("task_priority", self.task_priority);
      archive("logical_destination", self.logical_destination);
      archive("destination_format", self.destination_format);
      archive("spurious_vector", self.spurious_vector);
      archive("in_service", self.in_service);
      archive("trigger_mode", self.trigger_mode);
      archive("interrupt_request", self.interrupt_request);
      archive("error_status", self.error_status);
      archive("error_pending", self.error_pending);
      archive("interrupt_command", self.interrupt_command);
      archive("local_vectors", self.local_vectors);
      archive("initial_count", self.initial_count);
      archive("divide_configuration", self.divide_configuration);
      archive("timer_start", self.timer_start);
      archive("timer_due", self.timer_due);
      archive("tsc_deadline", self.tsc_deadline);
      archive("lint0", self.lint0);
      archive("external_message", self.external_message);
    }
    bool valid() const;
  };

  bool enabled() const { return (r_.base & apic_base::kEnable) != 0; }
  bool x2() const { return (r_.base & apic_base::kX2Enable) != 0; }
  bool software_enabled() const { return (r_.spurious_vector & svr::kEnable) != 0; }
  std::uint32_t& local_vector(Register which) {
    return r_
        .local_vectors[static_cast<unsigned>(which) - static_cast<unsigned>(Register::kLvtTimer)];
  }
  std::uint32_t local_vector(Register which) const {
    return const_cast<LocalApic*>(this)->local_vector(which);
  }

  // lapic.cpp
  std::uint64_t read_register(Register which);
  bool write_register(Register which, std::uint64_t value);
  void write_spurious_vector(std::uint32_t value);
  void write_local_vector(Register which, std::uint32_t value);
  void latch_errors();
  std::optional<std::uint64_t> read_x2(std::uint32_t number);
  bool write_x2(std::uint32_t number, std::uint64_t value);
  bool write_base(std::uint64_t value);
  std::uint32_t id_register() const;
  std::uint32_t logical_id() const;

  // priority.cpp
  void accept(std::uint8_t vector, TriggerMode trigger);
  std::optional<std::uint8_t> deliverable() const;
  bool external_pending() const;
  void end_of_interrupt();
  void raise_error(std::uint32_t error);
  void fire_local_vector(Register which);
  bool accepts_logical(const InterruptMessage& message) const;

  // ipi.cpp
  void send_ipi();
  void send_self_ipi(std::uint8_t vector);

  // timer.cpp
  TimerMode timer_mode() const;
  std::int64_t divider() const;
  void write_initial_count(std::uint32_t value);
  std::uint32_t current_count() const;
  void write_divide_configuration(std::uint8_t value);
  void write_tsc_deadline(std::uint64_t value);
  void timer_mode_changed();
  void ring();
  void arm_timer();

  const VcpuId id_;
  Host& host_;
  Connection& connection_;
  std::unique_ptr<Timer> timer_;
  Registers r_;
};

}  // namespace orrery::device::lapic
