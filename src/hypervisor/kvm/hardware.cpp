#include "hypervisor/kvm/hardware.hpp"

#include <cpuid.h>

namespace orrery::hypervisor::kvm {

bool processor_has_virtualization() {
  constexpr unsigned kVmx = 1u << 5;  // CPUID.1:ECX (SDM vol. 2A, CPUID)
  constexpr unsigned kSvm = 1u << 2;  // CPUID.80000001h:ECX (APM vol. 3, E.4.1)
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  const bool vmx = __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kVmx) != 0;
  const bool svm = __get_cpuid(0x8000'0001, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kSvm) != 0;
  return vmx || svm;
}

}  // namespace orrery::hypervisor::kvm
