// What CPUID says about which vCPU this is and how fast it is: the machine's part of a hypervisor's
// table (SDM vol. 2A, CPUID, leaves 1, 4, 0Bh, 15h, 16h).
#pragma once

#include <cstdint>

#include "base/types.hpp"
#include "x86/cpuid.hpp"

namespace orrery::machine {

struct Topology {
  VcpuId id = {};
  unsigned vcpus = 1;  // cores of one package, one thread each
  std::uint64_t time_stamp_frequency = 0;
  // This machine's own local APIC is used: announce what it can do.
  bool own_apic = true;
  // Its TSC-deadline timer counts what the guest reads as its time-stamp counter.
  bool own_time_stamp = true;
};

void describe_topology(x86::CpuidTable& table, const Topology& topology);

}  // namespace orrery::machine
