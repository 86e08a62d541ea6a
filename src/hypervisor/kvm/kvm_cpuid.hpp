// CPUID tables in KVM's form.
#pragma once

#include "base/error.hpp"
#include "hypervisor/kvm/kvm_file.hpp"
#include "x86/cpuid.hpp"

namespace orrery::hypervisor::kvm {

// What KVM can give a guest on this host, without the paravirtual leaves (4000'0000h up): a guest
// here sees a plain machine.
Result<x86::CpuidTable> supported_cpuid_of(const KvmFile& kvm);

Result<> set_cpuid_of(const KvmFile& vcpu, const x86::CpuidTable& table);

}  // namespace orrery::hypervisor::kvm
