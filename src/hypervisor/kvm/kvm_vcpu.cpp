#include "hypervisor/kvm/kvm_vcpu.hpp"

#include <csignal>
#include <cstring>
#include <mutex>

#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/format.hpp"
#include "hypervisor/kvm/kvm_cpuid.hpp"
#include "x86/exceptions.hpp"

namespace orrery::hypervisor::kvm {
namespace {

// Interrupts KVM_RUN; the handler does nothing, being interrupted is all.
const int kKickSignal = SIGRTMIN;

void install_kick_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(kKickSignal, &action, nullptr);
  });
}

}  // namespace

Result<std::unique_ptr<Vcpu>> KvmVcpu::create(VcpuId id, KvmFile file, std::size_t area_bytes,
                                              Environment& environment, DirtyLog& dirty_log,
                                              LocalApic local_apic) {
  install_kick_handler();
  void* area =
      ::mmap(nullptr, area_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor(), 0);
  if (area == MAP_FAILED) return fail_errno(format("cannot map the area of vCPU {}", id.value()));
  std::unique_ptr<KvmVcpu> vcpu(new KvmVcpu(id, std::move(file), static_cast<kvm_run*>(area),
                                            area_bytes, environment, dirty_log));
  if (local_apic == LocalApic::kEnvironment) {
    vcpu->injector_.emplace(vcpu->file_, *vcpu->area_, environment);
  }
  return vcpu;
}

KvmVcpu::KvmVcpu(VcpuId id, KvmFile file, kvm_run* area, std::size_t area_bytes,
                 Environment& environment, DirtyLog& dirty_log)
    : id_(id),
      file_(std::move(file)),
      area_(area),
      area_bytes_(area_bytes),
      environment_(environment),
      dirty_log_(dirty_log) {}

KvmVcpu::~KvmVcpu() {
  ::munmap(area_, area_bytes_);
}

Exit KvmVcpu::run() {
  if (const Result<> begun = debugger_.begin(file_); !begun) {
    return Failed{begun.error().message()};
  }
  thread_.store(::pthread_self());
  running_.store(true);
  Exit exit = run_until_exit();
  running_.store(false);
  return exit;
}

Exit KvmVcpu::run_until_exit() {
  for (;;) {
    if (stop_requested_.exchange(false)) {
      finish_instruction();
      return Stopped{};
    }
    if (std::optional<Exit> exit = before_entry()) return *std::move(exit);
    const int entered = ::ioctl(file_.descriptor(), KVM_RUN, 0);
    const int error = errno;
    if (injector_) injector_->take_task_priority();
    if (entered == 0) {
      if (std::optional<Exit> exit = handle_exit()) return *std::move(exit);
    } else if (error != EINTR && error != EAGAIN) {
      return Failed{
          Error::from_errno(format("KVM cannot run vCPU {}", id_.value()), error).message()};
    }
    area_->immediate_exit = 0;
  }
}

void KvmVcpu::stop() {
  stop_requested_.store(true);
  kick();
}

// In-kernel controllers do it themselves. On its own thread, the vCPU looks before it enters again.
void KvmVcpu::interrupt() {
  if (injector_ && thread_.load() != ::pthread_self()) kick();
}

void KvmVcpu::kick() {
  if (!running_.load()) return;
  area_->immediate_exit = 1;
  ::pthread_kill(thread_.load(), kKickSignal);
}

std::optional<Exit> KvmVcpu::before_entry() {
  if (!injector_) return std::nullopt;
  const Result<bool> awake = injector_->prepare();
  if (!awake) return Failed{awake.error().message()};
  if (!*awake) return Halted{};
  return std::nullopt;
}

void KvmVcpu::finish_instruction() {
  area_->immediate_exit = 1;
  ::ioctl(file_.descriptor(), KVM_RUN, 0);  // completes the pending access, then returns EINTR
  area_->immediate_exit = 0;
}

std::optional<Exit> KvmVcpu::handle_exit() {
  switch (area_->exit_reason) {
    case KVM_EXIT_IO: handle_port(); return std::nullopt;
    case KVM_EXIT_DIRTY_RING_FULL: return empty_dirty_ring();
    case KVM_EXIT_MMIO: handle_device_memory(); return std::nullopt;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR: return std::nullopt;
    case KVM_EXIT_X86_RDMSR:
      if (injector_) injector_->read_msr();
      return std::nullopt;
    case KVM_EXIT_X86_WRMSR:
      if (injector_) injector_->write_msr();
      return std::nullopt;
    case KVM_EXIT_HLT:
      if (!injector_) return Halted{};
      injector_->halted();  // an interrupt may be there to end it at once
      return std::nullopt;
    case KVM_EXIT_SHUTDOWN: return TripleFault{"KVM reports a shutdown"};
    case KVM_EXIT_SYSTEM_EVENT: return TripleFault{"KVM reports a system event"};
    case KVM_EXIT_DEBUG: return debugger_exit();
    case KVM_EXIT_FAIL_ENTRY:
      return Failed{
          format("the processor refuses to enter the guest on vCPU {} (reason {:#x}); use "
                 "--engine interpret",
                 id_.value(), std::uint64_t{area_->fail_entry.hardware_entry_failure_reason})};
    case KVM_EXIT_INTERNAL_ERROR:
      if (complete_breakpoint()) return std::nullopt;
      return internal_error();
    default:
      return Failed{format("KVM left vCPU {} for an unknown reason ({}); use --engine interpret",
                           id_.value(), std::uint32_t{area_->exit_reason})};
  }
}

// KVM's instruction emulator, which executes ring 0 where no hardware does, does not know INT3;
// Linux tests that it works while it boots. The trap is delivered here instead: RIP behind the
// instruction, #BP to be injected.
bool KvmVcpu::complete_breakpoint() {
  constexpr std::uint8_t kInt3 = 0xcc;
  const auto* data = reinterpret_cast<const std::uint8_t*>(&area_->internal.data[1]);
  const bool is_breakpoint = area_->internal.suberror == KVM_INTERNAL_ERROR_EMULATION &&
                             area_->internal.ndata >= 2 && data[0] > 0 && data[1] == kInt3;
  if (!is_breakpoint) return false;
  kvm_regs regs{};
  kvm_vcpu_events events{};
  if (!file_.call(KVM_GET_REGS, &regs, "read registers") ||
      !file_.call(KVM_GET_VCPU_EVENTS, &events, "read pending events")) {
    return false;
  }
  ++regs.rip;
  events.exception.injected = 1;
  events.exception.nr = static_cast<__u8>(x86::Exception::kBreakpoint);
  events.exception.has_error_code = 0;
  events.flags = 0;
  ++statistics_.exceptions;
  return file_.call(KVM_SET_REGS, &regs, "write registers").has_value() &&
         file_.call(KVM_SET_VCPU_EVENTS, &events, "inject a breakpoint").has_value();
}

Exit KvmVcpu::internal_error() const {
  std::string bytes;
  const Result<x86::CpuState> where = state();
  if (area_->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && area_->internal.ndata >= 4) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(&area_->internal.data[1]);
    const unsigned count = std::min<unsigned>(data[0], 15);
    for (unsigned i = 0; i < count; ++i) bytes += format(" {:02x}", data[1 + i]);
  }
  return Failed{format(
      "KVM cannot emulate an instruction of vCPU {} at {:#x} (suberror {}{}{}); use --engine "
      "interpret",
      id_.value(), where ? where->rip : 0, std::uint32_t{area_->internal.suberror},
      bytes.empty() ? "" : ", bytes", bytes)};
}

std::optional<Exit> KvmVcpu::debugger_exit() {
  const auto trap = debugger_.trap(file_, area_->debug.arch);
  if (!trap) return Failed{trap.error().message()};
  if (!*trap) return std::nullopt;
  return **trap;
}

std::optional<Exit> KvmVcpu::empty_dirty_ring() {
  const Result<> collected = dirty_log_.collect();
  if (collected) return std::nullopt;
  return Failed{collected.error().message()};
}

void KvmVcpu::handle_port() {
  const auto& io = area_->io;
  auto* data = reinterpret_cast<std::byte*>(area_) + io.data_offset;
  const auto width = static_cast<Width>(io.size);
  for (std::uint32_t n = 0; n < io.count; ++n, data += io.size) {
    ++statistics_.port_accesses;
    std::uint64_t value = 0;
    if (io.direction == KVM_EXIT_IO_IN) {
      value = environment_.port_read(io.port, width);
      std::memcpy(data, &value, io.size);
    } else {
      std::memcpy(&value, data, io.size);
      environment_.port_write(io.port, width, value);
    }
  }
}

void KvmVcpu::handle_device_memory() {
  auto& mmio = area_->mmio;
  ++statistics_.device_memory_accesses;
  const GuestPhysical address(mmio.phys_addr);
  // KVM passes 1 to 8 bytes; odd sizes come from accesses that it split at a page, and go out byte
  // by byte.
  const bool whole = mmio.len == 1 || mmio.len == 2 || mmio.len == 4 || mmio.len == 8;
  const std::uint32_t step = whole ? mmio.len : 1;
  for (std::uint32_t offset = 0; offset < mmio.len; offset += step) {
    std::uint64_t value = 0;
    if (mmio.is_write != 0) {
      std::memcpy(&value, mmio.data + offset, step);
      environment_.memory_write(address + offset, static_cast<Width>(step), value);
    } else {
      value = environment_.memory_read(address + offset, static_cast<Width>(step));
      std::memcpy(mmio.data + offset, &value, step);
    }
  }
}

Result<> KvmVcpu::set_debug(const DebugRequest& request) {
  return debugger_.set(file_, request);
}

Result<> KvmVcpu::set_cpuid(const x86::CpuidTable& table) {
  return set_cpuid_of(file_, table);
}

}  // namespace orrery::hypervisor::kvm
