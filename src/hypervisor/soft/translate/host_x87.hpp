// The guest's x87 unit (and so its MMX registers) in the host's, while translated code uses it.
//
// Only while every exception is masked and none is pending: then no instruction can fault. FIP, FDP
// and FOP, which matter only where one is reported, stay what the interpreter left.
#pragma once

#include "x86/state.hpp"

namespace orrery::hypervisor::soft::translate {

bool may_use_host_x87(const x86::CpuState& state);

void load_host_x87(const x86::X87& unit);
// Leaves the host's unit as after FNINIT, as C++ expects it.
void store_host_x87(x86::X87& unit);

}  // namespace orrery::hypervisor::soft::translate
