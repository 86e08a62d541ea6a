// Loads a kernel, whatever its format: recognizes it by its content and hands it to its loader.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "machine/boot/payload.hpp"
#include "x86/state.hpp"

namespace orrery::machine::boot {

// Writes kernel, modules and boot structures into guest memory; returns what the first vCPU starts
// with. Errors begin with the kernel's name.
Result<x86::CpuState> load(const Destination& destination, const Payload& payload);

// What load() would take the file for, for people: "Linux bzImage". An error when for nothing.
Result<std::string_view> recognize(ByteSpan kernel);

}  // namespace orrery::machine::boot
