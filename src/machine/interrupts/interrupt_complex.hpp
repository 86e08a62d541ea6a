// This machine's own interrupt controllers: the 8259s, the I/O APIC and a local APIC per vCPU, with
// the messages between them.
//
// One lock for all of them: an EOI goes from a local APIC to the I/O APIC, an interrupt the other
// way, and an IPI from any local APIC to any other, so separate locks would need an order that the
// hardware does not have. It is taken with device locks held, and no device's lock within it. What
// a vCPU asks before every block, whether an interrupt waits, is an atomic beside it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "device/ioapic/ioapic.hpp"
#include "device/lapic/lapic.hpp"
#include "device/pic8259/pic8259.hpp"
#include "machine/devices/device_host.hpp"
#include "machine/interrupts/interrupts.hpp"
#include "machine/time/clock.hpp"

namespace orrery::machine {

// A vCPU as the controllers see it. Called with the complex's lock held: must not block.
class InterruptTarget {
 public:
  virtual ~InterruptTarget() = default;
  virtual void interrupt_raised() = 0;  // interrupt_pending() has become true
  virtual void nmi() = 0;
  virtual void init() = 0;
  virtual void startup(std::uint8_t vector) = 0;
};

class InterruptComplex : public InterruptSink, private device::lapic::Connection {
 public:
  // SERVICES and TIME_STAMP outlive the complex.
  InterruptComplex(HostServices& services, const TimeStamp& time_stamp, unsigned vcpus);

  // Before vCPUs run.
  void set_target(VcpuId id, InterruptTarget& target);

  std::mutex& lock() { return mutex_; }
  // For the bus (accesses with lock() held) and for saving.
  device::pic8259::Pic8259& pic() { return pic_; }
  device::ioapic::IoApic& ioapic() { return ioapic_; }
  device::lapic::LocalApic& local(VcpuId id) { return *cores_[id.value()]->apic; }

  // ---- Devices' side; any thread ----
  void set_irq(unsigned gsi, bool asserted) override;
  void send_msi(std::uint64_t address, std::uint32_t data) override;

  // ---- A vCPU's side; any thread, but meant for its own ----
  bool pending(VcpuId id) const {
    // Pairs with the store in refresh(): the vCPU then takes the lock to see what it is.
    return cores_[id.value()]->pending.load(std::memory_order_acquire);
  }
  std::optional<std::uint8_t> acknowledge(VcpuId id);
  std::uint64_t task_priority(VcpuId id);
  void set_task_priority(VcpuId id, std::uint64_t cr8);
  std::optional<std::uint64_t> read_msr(VcpuId id, std::uint32_t index);
  bool write_msr(VcpuId id, std::uint32_t index, std::uint64_t value);
  // Whether ADDRESS lies in the page of this vCPU's local APIC, and accesses to it.
  bool claims(VcpuId id, GuestPhysical address) const {
    return (address.value() & ~(kPageSize - 1)) ==
           cores_[id.value()]->page.load(std::memory_order_relaxed);
  }
  std::uint64_t read(VcpuId id, GuestPhysical address, Width width);
  void write(VcpuId id, GuestPhysical address, Width width, std::uint64_t value);

  // ---- The machine's side ----
  void reset();
  // As firmware leaves it before an operating system starts (LocalApic::enter_virtual_wire_mode),
  // with the PCI interrupts level triggered at the 8259s.
  void prepare_for_boot();
  device::State save() const;
  Result<> restore(const device::State& state);

 private:
  // A page number that no address has.
  static constexpr std::uint64_t kNoPage = ~std::uint64_t{0};

  // A host whose timers let the complex look at their APIC afterwards.
  class ApicHost;
  struct Core {
    std::unique_ptr<DeviceHost> host;
    std::unique_ptr<device::lapic::LocalApic> apic;
    InterruptTarget* target = nullptr;
    std::atomic<bool> pending{false};          // written with the lock held
    std::atomic<std::uint64_t> page{kNoPage};  // of the APIC; written with the lock held
  };

  // Connection, with the lock held.
  void send_ipi(device::lapic::LocalApic& from, device::lapic::Shorthand shorthand,
                const device::InterruptMessage& message) override;
  void broadcast_eoi(std::uint8_t vector) override { ioapic_.end_of_interrupt(vector); }
  void signal(VcpuId core, device::lapic::CoreEvent event, std::uint8_t vector) override;
  std::uint8_t acknowledge_external() override { return pic_.acknowledge(); }
  std::uint64_t time_stamp() override { return time_stamp_.at(services_.clock.now()); }
  Ticks when_time_stamp(std::uint64_t value) override { return time_stamp_.when(value); }

  // With the lock held.
  void route(const device::InterruptMessage& message);
  void route_lowest_priority(const device::InterruptMessage& message);
  void deliver(Core& core, const device::InterruptMessage& message);
  void refresh(Core& core);
  void external_interrupt(bool level);

  HostServices& services_;
  const TimeStamp& time_stamp_;
  mutable std::mutex mutex_;  // guards all below
  device::pic8259::Pic8259 pic_;
  device::ioapic::IoApic ioapic_;
  std::vector<std::unique_ptr<Core>> cores_;
  bool external_level_ = false;
  std::size_t next_lowest_ = 0;  // where arbitration among equals begins
};

}  // namespace orrery::machine
