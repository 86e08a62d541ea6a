// The model-specific registers of the software engine: one row says where a register lives and what
// may be written (SDM vol. 4). RDMSR, WRMSR and the tests derive from it.
//
// Not here, because they live outside the core: IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC
// range, which the Environment answers.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

enum class OtherBits : std::uint8_t {
  kFault,    // writing another value than they have is #GP
  kIgnored,  // they keep their value whatever is written
};

struct MsrRow {
  std::uint32_t index;
  std::string_view name;
  // The stored value, or nullptr where `constant` is the value. N counts from `index`.
  std::uint64_t& (*place)(x86::CpuState& state, std::uint32_t n) = nullptr;
  std::uint64_t constant = 0;
  std::uint64_t writable = 0;  // bits that a write changes
  OtherBits other_bits = OtherBits::kFault;
  bool (*valid)(std::uint64_t value) = nullptr;  // what a write must fulfil besides
  std::uint32_t count = 1;                       // so many equal registers follow one another
  bool readable = true;
};

std::span<const MsrRow> msr_table();

// RDMSR and WRMSR of any register, without privilege checks: #GP(0) for one that does not exist or
// a value that it does not take.
std::uint64_t read_msr(Cpu& cpu, std::uint32_t index);
void write_msr(Cpu& cpu, std::uint32_t index, std::uint64_t value);

// The time-stamp counter as the guest sees it.
std::uint64_t guest_time_stamp(Cpu& cpu);

}  // namespace orrery::hypervisor::soft
