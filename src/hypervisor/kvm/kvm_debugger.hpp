// A debugger's stops on one vCPU of KVM: the four debug registers that the processor has
// (KVM_SET_GUEST_DEBUG; SDM vol. 3B, 17.2).
#pragma once

#include <cstdint>
#include <optional>

#include <linux/kvm.h>

#include "hypervisor/debug_request.hpp"
#include "hypervisor/exit.hpp"
#include "hypervisor/kvm/kvm_file.hpp"

namespace orrery::hypervisor::kvm {

class KvmDebugger {
 public:
  // VCPU is its file. An error: more than fits in four registers, or a span that none can watch.
  Result<> set(const KvmFile& vcpu, const DebugRequest& request);

  // Before the guest is entered. Where the last run ended at a breakpoint, one step is taken
  // without them: RFLAGS.RF would do on hardware, but not where KVM emulates ring 0.
  Result<> begin(const KvmFile& vcpu);

  // What KVM_EXIT_DEBUG means; nothing when the guest shall just go on.
  Result<std::optional<DebugTrap>> trap(const KvmFile& vcpu, const kvm_debug_exit_arch& exit);

 private:
  Result<> apply(const KvmFile& vcpu, kvm_guest_debug control) const;

  std::uint64_t breakpoints_ = 0;  // debug registers that are breakpoints, as DR6 bits
  kvm_guest_debug control_{};
  std::optional<std::uint64_t> reported_;
  bool passing_ = false;  // the step off a breakpoint
};

}  // namespace orrery::hypervisor::kvm
