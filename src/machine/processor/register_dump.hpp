// A vCPU's registers as text, for a person who looks at a guest that died.
#pragma once

#include <string>

#include "x86/state.hpp"

namespace orrery::machine {

std::string register_dump(const x86::CpuState& state);

}  // namespace orrery::machine
