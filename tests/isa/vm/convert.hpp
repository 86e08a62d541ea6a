// Between a test's registers and the full architectural state.
#pragma once

#include "isa/snapshot.hpp"
#include "x86/state.hpp"

namespace orrery::isa::vm {

// Puts the registers of a test into STATE; the rest of it stays.
void apply(const Snapshot& snapshot, x86::CpuState& state);

Snapshot snapshot_of(const x86::CpuState& state);

}  // namespace orrery::isa::vm
