// Loads a Linux bzImage by the 64-bit boot protocol (Linux: Documentation/arch/x86/boot.rst,
// "64-bit BOOT PROTOCOL"): the kernel is entered in long mode, 200h behind its load address, with
// RSI at the zero page.
#pragma once

#include "base/error.hpp"
#include "machine/boot/payload.hpp"
#include "x86/state.hpp"

namespace orrery::machine::boot {

// True for any file with the setup header's two signatures.
bool is_bzimage(ByteSpan kernel);

Result<x86::CpuState> load_bzimage(const Destination& destination, const Payload& payload);

}  // namespace orrery::machine::boot
