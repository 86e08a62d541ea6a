// Loads a kernel by the Multiboot specification, version 0.6.96 ("multiboot 1"): an ELF32 or ELF64
// executable, or any file whose header gives its addresses (the a.out kludge, flags bit 16). It is
// entered in 32-bit protected mode with EAX 2BADB002h and EBX at the multiboot information.
//
// The loader offers memory information, the memory map, the command line and modules. A wish for a
// graphics mode (flags bit 2) is left unfulfilled: there is no display, and the information says
// so.
#pragma once

#include "base/error.hpp"
#include "machine/boot/payload.hpp"
#include "x86/state.hpp"

namespace orrery::machine::boot {

// True when the first 8192 bytes hold a header with a right checksum.
bool is_multiboot(ByteSpan kernel);

Result<x86::CpuState> load_multiboot(const Destination& destination, const Payload& payload);

}  // namespace orrery::machine::boot
