// Loads an ELF kernel by the PVH boot protocol (Xen: docs/misc/pvh.pandoc, "x86/HVM direct boot
// ABI"): entered in 32-bit protected mode at the address in its Xen note, with EBX at
// hvm_start_info. An uncompressed Linux (vmlinux) with CONFIG_PVH is such a kernel.
#pragma once

#include "base/error.hpp"
#include "machine/boot/elf.hpp"
#include "machine/boot/payload.hpp"
#include "x86/state.hpp"

namespace orrery::machine::boot {

// True when the file has the note XEN_ELFNOTE_PHYS32_ENTRY.
bool is_pvh(const ElfFile& file);

Result<x86::CpuState> load_pvh(const Destination& destination, const Payload& payload);

}  // namespace orrery::machine::boot
