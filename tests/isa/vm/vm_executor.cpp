#include "isa/vm/vm_executor.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/assert.hpp"
#include "isa/sandbox.hpp"
#include "isa/vm/address_space.hpp"
#include "isa/vm/convert.hpp"
#include "x86/cpuid_features.hpp"

namespace orrery::isa::vm {

// Nothing outside of the processor: no devices, no interrupts, a clock that counts its readers. A
// write to kEndPort ends the run where the hypervisor would not leave a halt.
class VmExecutor::QuietEnvironment final : public hypervisor::Environment {
 public:
  std::uint64_t port_read(std::uint16_t, Width width) override { return mask_of(width); }
  void port_write(std::uint16_t port, Width, std::uint64_t) override {
    if (port == kEndPort && to_stop_ != nullptr) {
      ended_ = true;
      to_stop_->stop();
    }
  }
  std::uint64_t memory_read(GuestPhysical, Width width) override { return mask_of(width); }
  void memory_write(GuestPhysical, Width, std::uint64_t) override {}
  bool interrupt_pending() override { return false; }
  std::optional<std::uint8_t> acknowledge_interrupt() override { return std::nullopt; }
  bool acknowledge_nmi() override { return false; }
  std::uint64_t task_priority() override { return task_priority_; }
  void set_task_priority(std::uint64_t cr8) override { task_priority_ = cr8 & 0xf; }
  std::optional<std::uint64_t> read_msr(std::uint32_t) override { return std::nullopt; }
  bool write_msr(std::uint32_t, std::uint64_t) override { return false; }
  std::uint64_t time_stamp() override { return ++time_stamp_; }

  void stop_at_end(hypervisor::Vcpu& vcpu) { to_stop_ = &vcpu; }
  // Whether the end was reached since the last call.
  bool take_ended() { return std::exchange(ended_, false); }

 private:
  hypervisor::Vcpu* to_stop_ = nullptr;
  bool ended_ = false;
  std::uint64_t task_priority_ = 0;
  std::uint64_t time_stamp_ = 0;
};

// Stops a vCPU that is still in the same run after kLimit; looks once per kLimit, so that a run
// costs two stores.
class VmExecutor::Watchdog {
 public:
  explicit Watchdog(hypervisor::Vcpu& vcpu) : vcpu_(vcpu), thread_([this] { watch(); }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  void begin() { serial_.fetch_add(1, std::memory_order_relaxed); }
  void end() { serial_.fetch_add(1, std::memory_order_relaxed); }

 private:
  static constexpr std::chrono::seconds kLimit{5};

  void watch() {
    std::unique_lock lock(mutex_);
    std::uint64_t last = 0;
    while (!wake_.wait_for(lock, kLimit, [this] { return ending_; })) {
      const std::uint64_t now = serial_.load(std::memory_order_relaxed);
      if (now == last && now % 2 == 1) vcpu_.stop();
      last = now;
    }
  }

  hypervisor::Vcpu& vcpu_;
  std::atomic<std::uint64_t> serial_{0};  // odd while a run is in progress
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

Result<std::unique_ptr<VmExecutor>> VmExecutor::create(std::string name, const VmFactory& factory) {
  std::unique_ptr<VmExecutor> self(new VmExecutor);
  self->name_ = std::move(name);
  ORRERY_TRY(self->memory_, create_address_space());
  self->environment_ = std::make_unique<QuietEnvironment>();
  ORRERY_TRY(self->vm_, factory(*self->memory_));
  ORRERY_TRY(self->vcpu_, self->vm_->create_vcpu(VcpuId(0), *self->environment_));
  ORRERY_CHECK(self->vcpu_->set_cpuid(self->vm_->supported_cpuid()));
  if (self->vm_->interrupt_controller() != nullptr) self->environment_->stop_at_end(*self->vcpu_);
  self->watchdog_ = std::make_unique<Watchdog>(*self->vcpu_);
  const bool avx = x86::has_feature(self->vm_->supported_cpuid(), x86::cpuid::kAvx);
  for (const Mode mode : {Mode::kUser64, Mode::kUser32, Mode::kSupervisor64}) {
    self->starting_states_[static_cast<unsigned>(mode)] = starting_state(mode, avx);
  }
  return self;
}

VmExecutor::~VmExecutor() = default;

void VmExecutor::load_code(std::uint64_t offset, std::span<const std::byte> code) {
  ORRERY_ASSERT(memory_->write(GuestPhysical(kCodePhysical + offset), code));
}

std::span<std::byte> VmExecutor::data() {
  return *memory_->host_span(GuestPhysical(kDataPhysical), kDataSize);
}

Outcome VmExecutor::run(Mode mode, const Snapshot& start) {
  if (mode == Mode::kSupervisor64) ORRERY_ASSERT(lay_out(*memory_).has_value());
  x86::CpuState state = starting_states_[static_cast<unsigned>(mode)];
  apply(start, state);
  if (const auto set = vcpu_->set_state(state); !set) return {.failure = "state refused"};

  watchdog_->begin();
  const hypervisor::Exit exit = vcpu_->run();
  watchdog_->end();
  const bool ended = environment_->take_ended();
  if (ended || std::holds_alternative<hypervisor::Halted>(exit)) return halted(mode);

  Outcome outcome{.failure = std::holds_alternative<hypervisor::Stopped>(exit) ? "timeout"
                             : std::holds_alternative<hypervisor::TripleFault>(exit)
                                 ? "triple fault"
                                 : "failed"};
  if (const auto found = vcpu_->state()) outcome.state = snapshot_of(*found);
  return outcome;
}

// The processor halts in the exit page (ring 0), or in the handler of a vector whose frame (SDM
// vol. 3A, 6.14.2) lies at the top of the handlers' stack.
Outcome VmExecutor::halted(Mode mode) const {
  const auto state = vcpu_->state();
  if (!state) return {.failure = "state not readable"};
  Outcome outcome{.state = snapshot_of(*state)};
  if (state->rip - kExitSupervisor < kHandlerDistance) {
    outcome.state.rip = kExitSupervisor;
    return outcome;
  }
  const std::uint64_t vector = (state->rip - kHandlers) / kHandlerDistance;
  if (vector >= 256) return {.state = outcome.state, .failure = "halted outside of the handlers"};

  struct Frame {
    std::uint64_t error_code, rip, cs, rflags, rsp, ss;
  } frame;
  const auto exception = static_cast<x86::Exception>(vector);
  if (!memory_->read(GuestPhysical(kHandlerStackTop - sizeof frame),
                     std::as_writable_bytes(std::span(&frame, 1)))) {
    return {.failure = "no stack frame"};
  }
  outcome.state.rip = frame.rip;
  outcome.state.rflags = frame.rflags;
  outcome.state.gpr[4] = frame.rsp;
  const std::uint64_t hole = is_32bit(mode) ? kExitUser32 : kExitUser64;
  // INT3 lies in the hole; kvm_pvm makes it #UD in 32-bit code (KVM.md).
  const bool breakpoint = exception == x86::Exception::kBreakpoint && frame.rip == hole + 1;
  if (breakpoint || frame.rip == hole) {
    outcome.state.rip = hole;
    return outcome;
  }
  FaultReport report{.exception = exception};
  if (x86::has_error_code(exception)) {
    report.error_code = static_cast<std::uint32_t>(frame.error_code);
  }
  if (exception == x86::Exception::kPageFault) report.address = state->cr2;
  outcome.fault = report;
  return outcome;
}

}  // namespace orrery::isa::vm
