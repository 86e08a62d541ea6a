// One KVM vCPU: its run loop, which answers the kernel's exits from the Environment.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include <linux/kvm.h>
#include <pthread.h>

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/kvm/dirty_log.hpp"
#include "hypervisor/kvm/interrupt_injector.hpp"
#include "hypervisor/kvm/kvm_debugger.hpp"
#include "hypervisor/kvm/kvm_file.hpp"

namespace orrery::hypervisor::kvm {

class KvmVcpu : public Vcpu {
 public:
  // Whose local APIC the vCPU has.
  enum class LocalApic : std::uint8_t { kKernel, kEnvironment };

  // AREA_BYTES: size of struct kvm_run with what follows it (KVM_GET_VCPU_MMAP_SIZE).
  static Result<std::unique_ptr<Vcpu>> create(VcpuId id, KvmFile file, std::size_t area_bytes,
                                              Environment& environment, DirtyLog& dirty_log,
                                              LocalApic local_apic);
  ~KvmVcpu() override;

  Exit run() override;
  void stop() override;
  void interrupt() override;
  Result<x86::CpuState> state() const override;
  Result<> set_state(const x86::CpuState& state) override;
  Result<> set_cpuid(const x86::CpuidTable& table) override;
  Result<LocalApicState> local_apic() const override;
  Result<> set_local_apic(const LocalApicState& state) override;
  Result<> set_debug(const DebugRequest& request) override;
  VcpuStatistics statistics() const override { return statistics_; }

 private:
  KvmVcpu(VcpuId id, KvmFile file, kvm_run* area, std::size_t area_bytes, Environment& environment,
          DirtyLog& dirty_log);

  Exit run_until_exit();
  std::optional<Exit> handle_exit();
  std::optional<Exit> before_entry();
  void kick();
  Result<x86::Activity> activity() const;
  Result<> set_activity(const x86::CpuState& state);
  std::optional<Exit> debugger_exit();
  std::optional<Exit> empty_dirty_ring();
  void handle_port();
  void handle_device_memory();
  bool complete_breakpoint();
  Exit internal_error() const;
  // Lets the kernel finish an instruction whose I/O was answered, so that the state is at a
  // boundary.
  void finish_instruction();

  VcpuId id_;
  KvmFile file_;
  kvm_run* area_;
  std::size_t area_bytes_;
  Environment& environment_;
  DirtyLog& dirty_log_;
  std::optional<InterruptInjector> injector_;  // where the local APIC is the environment's
  KvmDebugger debugger_;
  VcpuStatistics statistics_;

  std::atomic<bool> stop_requested_{false};
  // The thread inside run(), while there is one. stop() stores stop_requested_ before it loads
  // these, run() the other way round (both sequentially consistent): a stop is either seen or
  // signalled.
  std::atomic<bool> running_{false};
  std::atomic<pthread_t> thread_{};
};

}  // namespace orrery::hypervisor::kvm
