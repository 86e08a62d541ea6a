// What CPUID shows on the software engine: an Intel processor of the x86-64-v2 class, and of v3
// with AES, SHA and VAES where the host has them (decode/instruction_sets.hpp).
//
// The model is one whose real features are those that the engine has on every host (SSE4.2; x2APIC,
// TSC-deadline, SMEP, SMAP, UMIP, INVPCID), to which AVX comes by its bits alone, and which is not
// subject to the speculation flaws that cost a guest time to work around:
// IA32_ARCH_CAPABILITIES (in the MSR table) says so as well. No hypervisor bit: the guest sees a
// machine.
#pragma once

#include <cstdint>

#include "x86/cpuid.hpp"

namespace orrery::hypervisor::soft {

// Leaf 15h says that the time-stamp counter runs at this rate, and so does the crystal clock that
// feeds the local APIC timer, by which operating systems set their clocks without measuring. A
// nanosecond a tick: SoftVm::time_stamp_frequency() and the APIC timer's input are the same.
inline constexpr std::uint32_t kCrystalHertz = 1'000'000'000;

// Widths of addresses: 40 physical bits (1 TiB), 48 linear ones.
inline constexpr unsigned kPhysicalAddressBits = 40;
inline constexpr unsigned kLinearAddressBits = 48;

// For one processor in one package; topology (leaves 1, 4, 0Bh) is the machine's to change.
x86::CpuidTable soft_cpuid();

}  // namespace orrery::hypervisor::soft
