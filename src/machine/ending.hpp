// How a run of a machine ended (Machine::run()).
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/types.hpp"

namespace orrery::machine {

// The guest powered itself off (ACPI S5).
struct PowerOff {};

// The guest asked for a reset (port 0xCF9, i8042, ACPI reset register, or a triple fault where the
// configuration says that it resets). Machine::reset() and run() start it again.
struct Reset {};

// A vCPU shut down. `registers` is its full state as text, for people.
struct TripleFault {
  VcpuId vcpu;
  std::string reason;
  std::string registers;
};

// The guest wrote `value` to the debug-exit port.
struct DebugExit {
  std::uint32_t value = 0;
  // What `orrery run` exits with.
  int exit_status() const { return static_cast<int>(((value << 1) | 1) & 0xff); }
};

// Somebody called Machine::request_stop(). The machine is paused at instruction boundaries and
// run() may be called again.
struct StopRequested {};

// The hypervisor can not go on; the message says why and what to do.
struct Failed {
  VcpuId vcpu;
  std::string reason;
  std::string registers;
};

using Ending = std::variant<PowerOff, Reset, TripleFault, DebugExit, StopRequested, Failed>;

}  // namespace orrery::machine
