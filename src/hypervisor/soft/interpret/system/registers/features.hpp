// What the running state adds to a vCPU's CPUID table, and what the table allows (SDM vol. 2A,
// CPUID; vol. 3A, 2.5).
#pragma once

#include <cstdint>

#include "hypervisor/soft/cpu.hpp"
#include "x86/cpuid_features.hpp"

namespace orrery::hypervisor::soft {

// CPUID as the guest sees it now: with OSXSAVE, the APIC's enable bit, and the size of the enabled
// extended state.
x86::CpuidRegisters current_cpuid(Cpu& cpu, std::uint32_t leaf, std::uint32_t subleaf);

// Bits of CR4 and EFER that this vCPU has.
std::uint64_t supported_cr4(const Cpu& cpu);
std::uint64_t supported_efer(const Cpu& cpu);

// Number of physical address bits (CPUID leaf 8000'0008h).
unsigned physical_address_bits(const Cpu& cpu);

}  // namespace orrery::hypervisor::soft
