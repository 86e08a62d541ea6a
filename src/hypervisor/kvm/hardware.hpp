// What the host's processor itself has to run guests with.
#pragma once

namespace orrery::hypervisor::kvm {

// Whether CPUID shows VT-x or SVM. Without either, a /dev/kvm can only be an emulation.
bool processor_has_virtualization();

}  // namespace orrery::hypervisor::kvm
