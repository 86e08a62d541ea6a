// A vCPU's interrupts where the controllers are the machine's own, outside of KVM: what they have
// for it is injected before each entry, and its task priority, HLT and the MSRs of its local APIC
// are the Environment's (Linux, Documentation/virt/kvm/api.rst: KVM_INTERRUPT, struct kvm_run).
#pragma once

#include <linux/kvm.h>

#include "hypervisor/environment.hpp"
#include "hypervisor/kvm/kvm_file.hpp"
#include "x86/state.hpp"

namespace orrery::hypervisor::kvm {

// Has accesses to the MSRs of Environment::read_msr() leave the guest. Once for a VM.
Result<> let_environment_have_msrs(const KvmFile& kvm, const KvmFile& vm);

class InterruptInjector {
 public:
  // All outlive the injector.
  InterruptInjector(const KvmFile& vcpu, kvm_run& area, Environment& environment)
      : vcpu_(vcpu), area_(area), environment_(environment) {}

  // Before KVM_RUN. False: the processor sleeps, and nothing is there to wake it.
  Result<bool> prepare();
  // After KVM_RUN, whatever its answer.
  void take_task_priority();

  void halted() { activity_ = x86::Activity::kHalted; }
  void read_msr();
  void write_msr();

  x86::Activity activity() const { return activity_; }
  void state_was_set(const x86::CpuState& state);

 private:
  Result<> inject_nmi();
  Result<> inject_interrupt();
  bool can_take_interrupt() const {
    return area_.ready_for_interrupt_injection != 0 && area_.if_flag != 0;
  }

  const KvmFile& vcpu_;
  kvm_run& area_;
  Environment& environment_;
  x86::Activity activity_ = x86::Activity::kRunning;
};

}  // namespace orrery::hypervisor::kvm
