// What a debugger wants a vCPU to stop for.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.hpp"

namespace orrery::hypervisor {

enum class WatchKind : std::uint8_t { kWrite, kRead, kAccess };

struct Watchpoint {
  GuestLinear address;
  std::uint32_t length = 1;
  WatchKind kind = WatchKind::kWrite;
  friend bool operator==(const Watchpoint&, const Watchpoint&) = default;
};

// Addresses are linear: segment bases are added already. The guest sees nothing of it, neither in
// its memory nor in its debug registers (but see Vcpu::set_debug()).
struct DebugRequest {
  // One instruction, then DebugTrap. Interrupts wait meanwhile, unless the processor is halted.
  bool step = false;
  std::vector<GuestLinear> breakpoints;  // before the instruction there
  std::vector<Watchpoint> watchpoints;   // after the instruction that did it

  bool empty() const { return !step && breakpoints.empty() && watchpoints.empty(); }
};

}  // namespace orrery::hypervisor
