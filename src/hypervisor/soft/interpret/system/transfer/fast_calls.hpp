// What SYSCALL and SYSRET load (SDM vol. 3A, 5.8.8): flat segments that follow from IA32_STAR.
#pragma once

#include <cstdint>

#include "hypervisor/soft/decode/table.hpp"
#include "x86/segment.hpp"

namespace orrery::hypervisor::soft {

struct FlatSegments {
  x86::Segment code;
  x86::Segment stack;
};

FlatSegments system_call_segments(std::uint64_t star);
FlatSegments system_return_segments(std::uint64_t star, CodeSize size);

}  // namespace orrery::hypervisor::soft
