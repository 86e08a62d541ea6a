#include "machine/interrupts/interrupt_complex.hpp"

#include <utility>

namespace orrery::machine {

using device::DeliveryMode;
using device::InterruptMessage;
using device::lapic::CoreEvent;
using device::lapic::LocalApic;
using device::lapic::Shorthand;

class InterruptComplex::ApicHost : public DeviceHost {
 public:
  ApicHost(HostServices& services, std::mutex& lock, std::function<void()> after_ring)
      : DeviceHost(services, {}, &lock), after_ring_(std::move(after_ring)) {}

  std::unique_ptr<device::Timer> create_timer(std::function<void()> ring) override {
    return DeviceHost::create_timer([this, ring = std::move(ring)] {
      ring();
      after_ring_();
    });
  }

 private:
  std::function<void()> after_ring_;
};

InterruptComplex::InterruptComplex(HostServices& services, const TimeStamp& time_stamp,
                                   unsigned vcpus)
    : services_(services),
      time_stamp_(time_stamp),
      pic_([this](bool level) { external_interrupt(level); }),
      ioapic_([this](const InterruptMessage& message) { route(message); }) {
  for (unsigned i = 0; i < vcpus; ++i) {
    auto core = std::make_unique<Core>();
    core->host =
        std::make_unique<ApicHost>(services, mutex_, [this, c = core.get()] { refresh(*c); });
    Connection& connection = *this;
    core->apic = std::make_unique<LocalApic>(VcpuId(i), *core->host, connection);
    cores_.push_back(std::move(core));
    refresh(*cores_.back());
  }
}

void InterruptComplex::set_target(VcpuId id, InterruptTarget& target) {
  const std::lock_guard lock(mutex_);
  cores_[id.value()]->target = &target;
}

// ---- From devices ----

void InterruptComplex::set_irq(unsigned gsi, bool asserted) {
  const std::lock_guard lock(mutex_);
  // The timer, IRQ 0, is wired to input 2 of the I/O APIC; the cascade is not wired there (MADT
  // interrupt source override).
  if (gsi < device::pic8259::Pic8259::kIrqs) pic_.set_irq(gsi, asserted);
  if (gsi != 2) ioapic_.set_pin(gsi == 0 ? 2 : gsi, asserted);
}

void InterruptComplex::send_msi(std::uint64_t address, std::uint32_t data) {
  constexpr std::uint64_t kMsiWindow = 0xfee0'0000;  // SDM vol. 3A, 11.11.1
  if ((address & ~std::uint64_t{0xf'ffff}) != kMsiWindow) return;
  const std::lock_guard lock(mutex_);
  route(device::message_of_msi(address, data));
}

// The 8259s' INT output: to every LINT0, and to input 0 of the I/O APIC (MultiProcessor
// Specification 1.4, 3.6.2).
void InterruptComplex::external_interrupt(bool level) {
  if (level == external_level_) return;
  external_level_ = level;
  for (auto& core : cores_) {
    core->apic->set_lint0(level);
    refresh(*core);
  }
  ioapic_.set_pin(0, level);
}

// ---- Between controllers, with the lock held ----

void InterruptComplex::route(const InterruptMessage& message) {
  if (message.delivery == DeliveryMode::kLowestPriority) return route_lowest_priority(message);
  for (auto& core : cores_) {
    if (core->apic->accepts(message)) deliver(*core, message);
  }
}

void InterruptComplex::route_lowest_priority(const InterruptMessage& message) {
  Core* chosen = nullptr;
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    Core& core = *cores_[(next_lowest_ + i) % cores_.size()];
    if (!core.apic->accepts(message)) continue;
    if (chosen == nullptr || core.apic->processor_priority() < chosen->apic->processor_priority()) {
      chosen = &core;
    }
  }
  next_lowest_ = (next_lowest_ + 1) % cores_.size();
  if (chosen != nullptr) deliver(*chosen, message);
}

void InterruptComplex::deliver(Core& core, const InterruptMessage& message) {
  core.apic->deliver(message);
  refresh(core);
}

void InterruptComplex::send_ipi(LocalApic& from, Shorthand shorthand,
                                const InterruptMessage& message) {
  if (shorthand == Shorthand::kNone) return route(message);
  for (auto& core : cores_) {
    const bool self = core->apic.get() == &from;
    const bool wanted = shorthand == Shorthand::kAll || self == (shorthand == Shorthand::kSelf);
    if (wanted) deliver(*core, message);
  }
}

void InterruptComplex::signal(VcpuId id, CoreEvent event, std::uint8_t vector) {
  InterruptTarget* target = cores_[id.value()]->target;
  if (target == nullptr) return;
  switch (event) {
    case CoreEvent::kNmi: target->nmi(); break;
    case CoreEvent::kInit: target->init(); break;
    case CoreEvent::kStartup: target->startup(vector); break;
  }
}

void InterruptComplex::refresh(Core& core) {
  const auto base = core.apic->base_address();
  core.page.store(base ? base->value() : kNoPage, std::memory_order_relaxed);
  const bool pending = core.apic->pending();
  const bool before = core.pending.exchange(pending, std::memory_order_acq_rel);
  if (pending && !before && core.target != nullptr) core.target->interrupt_raised();
}

// ---- From vCPUs ----

std::optional<std::uint8_t> InterruptComplex::acknowledge(VcpuId id) {
  const std::lock_guard lock(mutex_);
  Core& core = *cores_[id.value()];
  const auto vector = core.apic->acknowledge();
  refresh(core);
  return vector;
}

std::uint64_t InterruptComplex::task_priority(VcpuId id) {
  const std::lock_guard lock(mutex_);
  return cores_[id.value()]->apic->task_priority();
}

void InterruptComplex::set_task_priority(VcpuId id, std::uint64_t cr8) {
  const std::lock_guard lock(mutex_);
  cores_[id.value()]->apic->set_task_priority(cr8);
  refresh(*cores_[id.value()]);
}

std::optional<std::uint64_t> InterruptComplex::read_msr(VcpuId id, std::uint32_t index) {
  const std::lock_guard lock(mutex_);
  return cores_[id.value()]->apic->read_msr(index);
}

bool InterruptComplex::write_msr(VcpuId id, std::uint32_t index, std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  Core& core = *cores_[id.value()];
  const bool accepted = core.apic->write_msr(index, value);
  refresh(core);
  return accepted;
}

std::uint64_t InterruptComplex::read(VcpuId id, GuestPhysical address, Width width) {
  const std::lock_guard lock(mutex_);
  return cores_[id.value()]->apic->read(0, address.value() % kPageSize, width);
}

void InterruptComplex::write(VcpuId id, GuestPhysical address, Width width, std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  Core& core = *cores_[id.value()];
  core.apic->write(0, address.value() % kPageSize, width, value);
  refresh(core);
}

// ---- From the machine ----

void InterruptComplex::reset() {
  const std::lock_guard lock(mutex_);
  pic_.reset();
  ioapic_.reset();
  for (auto& core : cores_) {
    core->apic->reset();
    refresh(*core);
  }
}

void InterruptComplex::prepare_for_boot() {
  constexpr std::uint64_t kPciIrqs = 0x0c;  // IRQs 10 and 11 of the slave
  const std::lock_guard lock(mutex_);
  pic_.write(device::pic8259::Pic8259::kElcr, 1, Width::k8, kPciIrqs);
  cores_.front()->apic->enter_virtual_wire_mode();
  refresh(*cores_.front());
}

}  // namespace orrery::machine
