#include "machine/processor/processor.hpp"

#include <utility>

#include "machine/processor/register_dump.hpp"

namespace orrery::machine {

using hypervisor::Exit;

Result<> Processor::reset() {
  nmi_.store(false);
  init_.store(false);
  startup_vector_.store(-1);
  x86::CpuState state = x86::reset_state();
  const bool first = id_ == VcpuId(0);
  if (!first) state.activity = x86::Activity::kWaitForSipi;
  waits_for_startup_ = !first && services_.interrupts != nullptr;
  return vcpu_->set_state(state);
}

// ---- The vCPU's thread ----

void Processor::thread() {
  for (bool going = false; services_.control.wait_at_gate(going); going = true) run_while_open();
}

void Processor::run_while_open() {
  while (!services_.control.gate_closed()) {
    std::uint64_t seen_events = 0;
    {
      const std::lock_guard lock(sleep_mutex_);
      seen_events = events_;
    }
    if (!held_ && !serve_requests()) return;
    if (held_ || waits_for_startup_) {
      sleep(seen_events);
    } else if (!handle(vcpu_->run(), seen_events)) {
      return;
    }
  }
}

bool Processor::serve_requests() {
  if (init_.exchange(false)) {
    const bool first = id_ == VcpuId(0);
    waits_for_startup_ = !first;
    if (first && !set_state(x86::reset_state())) return false;
  }
  const std::int32_t vector = startup_vector_.exchange(-1);
  if (vector < 0 || !waits_for_startup_) return true;  // others ignore it (SDM vol. 3A, 8.4.3)
  waits_for_startup_ = false;
  return set_state(x86::startup_state(static_cast<std::uint8_t>(vector)));
}

bool Processor::set_state(const x86::CpuState& state) {
  const auto done = vcpu_->set_state(state);
  if (!done) services_.control.end(Failed{id_, done.error().message(), {}});
  return done.has_value();
}

bool Processor::handle(const Exit& exit, std::uint64_t seen_events) {
  if (std::holds_alternative<hypervisor::Halted>(exit)) sleep(seen_events);
  if (const auto* trap = std::get_if<hypervisor::DebugTrap>(&exit)) {
    if (services_.debug_trap) services_.debug_trap(id_, *trap);
  }
  if (const auto* fault = std::get_if<hypervisor::TripleFault>(&exit)) {
    if (services_.reset_on_triple_fault) {
      services_.control.end(Reset{});
    } else {
      services_.control.end(TripleFault{id_, fault->reason, describe_registers()});
    }
    return false;
  }
  if (const auto* failure = std::get_if<hypervisor::Failed>(&exit)) {
    services_.control.end(Failed{id_, failure->reason, describe_registers()});
    return false;
  }
  return true;
}

std::string Processor::describe_registers() const {
  const auto state = vcpu_->state();
  return state ? register_dump(*state) : state.error().message();
}

void Processor::sleep(std::uint64_t seen_events) {
  std::unique_lock lock(sleep_mutex_);
  woken_.wait(lock, [&] { return events_ != seen_events; });
}

// ---- Other threads ----

void Processor::wake() {
  {
    const std::lock_guard lock(sleep_mutex_);
    ++events_;
  }
  woken_.notify_one();
}

void Processor::stop() {
  vcpu_->stop();
  wake();
}

void Processor::interrupt_raised() {
  vcpu_->interrupt();
  wake();
}

void Processor::nmi() {
  nmi_.store(true, std::memory_order_release);
  interrupt_raised();
}

void Processor::init() {
  startup_vector_.store(-1);
  init_.store(true);
  stop();
}

void Processor::startup(std::uint8_t vector) {
  startup_vector_.store(vector);
  wake();
}

// ---- Environment ----

std::uint64_t Processor::memory_read(GuestPhysical address, Width width) {
  InterruptComplex* interrupts = services_.interrupts;
  if (interrupts != nullptr && interrupts->claims(id_, address)) {
    return interrupts->read(id_, address, width);
  }
  return services_.bus.read(Space::kMemory, address.value(), width);
}

void Processor::memory_write(GuestPhysical address, Width width, std::uint64_t value) {
  InterruptComplex* interrupts = services_.interrupts;
  if (interrupts != nullptr && interrupts->claims(id_, address)) {
    interrupts->write(id_, address, width, value);
  } else {
    services_.bus.write(Space::kMemory, address.value(), width, value);
  }
}

std::optional<std::uint8_t> Processor::acknowledge_interrupt() {
  if (services_.interrupts == nullptr) return std::nullopt;
  return services_.interrupts->acknowledge(id_);
}

std::uint64_t Processor::task_priority() {
  return services_.interrupts == nullptr ? 0 : services_.interrupts->task_priority(id_);
}

void Processor::set_task_priority(std::uint64_t cr8) {
  if (services_.interrupts != nullptr) services_.interrupts->set_task_priority(id_, cr8);
}

std::optional<std::uint64_t> Processor::read_msr(std::uint32_t index) {
  if (services_.interrupts == nullptr) return std::nullopt;
  return services_.interrupts->read_msr(id_, index);
}

bool Processor::write_msr(std::uint32_t index, std::uint64_t value) {
  return services_.interrupts != nullptr && services_.interrupts->write_msr(id_, index, value);
}

}  // namespace orrery::machine
