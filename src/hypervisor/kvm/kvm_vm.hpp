// The host's KVM behind seam 1, with its in-kernel interrupt controllers (8259s, I/O APIC, local
// APICs) or the machine's; timers and all other devices are the machine's.
#pragma once

#include <memory>

#include "base/error.hpp"
#include "hypervisor/hypervisor.hpp"
#include "hypervisor/kvm/dirty_log.hpp"

namespace orrery::hypervisor::kvm {

enum class InterruptControllers : std::uint8_t {
  kKernel,   // KVM's 8259s, I/O APIC and local APICs: fast, no exits
  kMachine,  // the machine's own, and interrupts are injected
};

struct KvmOptions {
  InterruptControllers interrupt_controllers = InterruptControllers::kKernel;
  DirtyLogMethod dirty_log = DirtyLogMethod::kBest;
};

// MEMORY outlives the Vm. Fails where /dev/kvm is missing, closed to us or too old, and says what
// to do about it.
Result<std::unique_ptr<Vm>> create_kvm_vm(memory::GuestMemory& memory,
                                          const KvmOptions& options = {});

}  // namespace orrery::hypervisor::kvm
