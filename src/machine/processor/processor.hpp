// One vCPU of the machine: what surrounds it (hypervisor::Environment), its thread's run loop, and
// how it sleeps and wakes (HLT, INIT, start-up IPI).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "hypervisor/hypervisor.hpp"
#include "machine/bus.hpp"
#include "machine/interrupts/interrupt_complex.hpp"
#include "machine/processor/run_control.hpp"
#include "machine/time/clock.hpp"

namespace orrery::machine {

// What all processors of a machine share.
struct ProcessorServices {
  const Bus& bus;
  const MachineClock& clock;
  const TimeStamp& time_stamp;
  InterruptComplex* interrupts = nullptr;  // nullptr: the hypervisor has its own controllers
  RunControl& control;
  bool reset_on_triple_fault = false;
  // A debugger's, on the vCPU's thread. Without one, traps are no reason to stop.
  std::function<void(VcpuId, const hypervisor::DebugTrap&)> debug_trap;
};

class Processor : public hypervisor::Environment, public InterruptTarget {
 public:
  // SERVICES outlive the processor.
  Processor(VcpuId id, const ProcessorServices& services) : id_(id), services_(services) {}

  // Before the first run.
  void attach(std::unique_ptr<hypervisor::Vcpu> vcpu) { vcpu_ = std::move(vcpu); }
  hypervisor::Vcpu& vcpu() const { return *vcpu_; }

  // To power-up: the first processor at the reset vector, the others waiting for a start-up IPI.
  Result<> reset();

  // While the thread stands at the gate.
  Result<device::State> save() const;
  Result<> restore(const device::State& tree);

  // The body of the vCPU's thread: runs the guest whenever the gate is open, until told to quit.
  void thread();

  // Keeps this vCPU from the guest while others go on; a debugger's. While the thread stands at the
  // gate.
  void hold(bool held) { held_ = held; }

  // Returns from the guest, or from sleep, soon. Any thread.
  void stop();

  // ---- hypervisor::Environment ----
  std::uint64_t port_read(std::uint16_t port, Width width) override {
    return services_.bus.read(Space::kPorts, port, width);
  }
  void port_write(std::uint16_t port, Width width, std::uint64_t value) override {
    services_.bus.write(Space::kPorts, port, width, value);
  }
  std::uint64_t memory_read(GuestPhysical address, Width width) override;
  void memory_write(GuestPhysical address, Width width, std::uint64_t value) override;
  bool interrupt_pending() override {
    return services_.interrupts != nullptr && services_.interrupts->pending(id_);
  }
  std::optional<std::uint8_t> acknowledge_interrupt() override;
  bool acknowledge_nmi() override { return nmi_.exchange(false, std::memory_order_acquire); }
  std::uint64_t task_priority() override;
  void set_task_priority(std::uint64_t cr8) override;
  std::optional<std::uint64_t> read_msr(std::uint32_t index) override;
  bool write_msr(std::uint32_t index, std::uint64_t value) override;
  std::uint64_t time_stamp() override { return services_.time_stamp.at(services_.clock.now()); }

  // ---- InterruptTarget ----
  void interrupt_raised() override;
  void nmi() override;
  void init() override;
  void startup(std::uint8_t vector) override;

 private:
  // Runs until the gate closes.
  void run_while_open();
  // Serves INIT and start-up IPIs. False: the machine has failed.
  bool serve_requests();
  bool set_state(const x86::CpuState& state);
  // What an exit of the hypervisor means for the machine. False: it has ended.
  bool handle(const hypervisor::Exit& exit, std::uint64_t seen_events);
  void sleep(std::uint64_t seen_events);
  void wake();
  std::string describe_registers() const;

  const VcpuId id_;
  const ProcessorServices& services_;
  std::unique_ptr<hypervisor::Vcpu> vcpu_;

  // Set by any thread, taken by the vCPU's with exchange().
  std::atomic<bool> nmi_{false};
  std::atomic<bool> init_{false};
  std::atomic<std::int32_t> startup_vector_{-1};
  bool waits_for_startup_ = false;  // of the vCPU's thread
  bool held_ = false;               // of the vCPU's thread; others while it stands at the gate

  // Counts whatever may end a sleep, so that nothing between the last look and the sleep is missed.
  std::mutex sleep_mutex_;
  std::condition_variable woken_;
  std::uint64_t events_ = 0;  // guarded by sleep_mutex_
};

}  // namespace orrery::machine
