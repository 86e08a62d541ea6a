// A guest exception on its way from where it was found to where it is delivered.
//
// Inside the software engine, and only there, faults travel as C++ exceptions: a fault leaves an
// instruction from any depth (operand access, page walk, descriptor load) with nothing changed, and
// costs nothing where none happens. Cpu::run() catches them all; none leaves the engine. See
// docs/decisions/0002.
#pragma once

#include <cstdint>
#include <optional>

#include "x86/exceptions.hpp"

namespace orrery::hypervisor::soft {

struct Fault {
  x86::Exception exception;
  std::uint32_t error_code = 0;  // where x86::has_error_code(exception)
  std::uint64_t address = 0;     // page faults: for CR2
  // Set where the fault came after a task switch had taken effect: RIP in the new task.
  std::optional<std::uint64_t> resumes_at = std::nullopt;
};

// Thrown before a store into the code that is being executed, or an access that a debugger watches
// for: the instruction changes nothing and is executed again alone, so that the next one is fetched
// anew (SDM vol. 3A, 11.6), or the debugger stops before it.
struct SelfModification {};

}  // namespace orrery::hypervisor::soft
