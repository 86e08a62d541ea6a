// Why Vcpu::run() returned.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/types.hpp"

namespace orrery::hypervisor {

// Somebody called Vcpu::stop().
struct Stopped {};

// The guest executed HLT (or the processor waits for a start-up IPI) and nothing is there to wake
// it.
struct Halted {};

// A fault while delivering a double fault: the processor has shut down (SDM vol. 3A, 6.15, #DF).
// `reason` tells what it was doing, for people.
struct TripleFault {
  std::string reason;
};

// A breakpoint, watchpoint or single step that a debugger asked for (DebugRequest).
struct DebugTrap {
  enum class Cause : std::uint8_t { kStep, kBreakpoint, kWatchpoint };

  Cause cause = Cause::kStep;
  GuestLinear address;  // of the instruction that comes next, or that a watchpoint watches
};

// The vCPU has come to the count that Vcpu::stop_at() gave; `instructions` have retired.
struct CountReached {
  std::uint64_t instructions = 0;
};

// The hypervisor itself can not go on with this vCPU; the message says why and what to do.
struct Failed {
  std::string reason;
};

using Exit = std::variant<Stopped, Halted, TripleFault, DebugTrap, CountReached, Failed>;

}  // namespace orrery::hypervisor
