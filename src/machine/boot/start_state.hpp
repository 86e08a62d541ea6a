// The processor states in which boot protocols hand over to a kernel, and the tables in guest
// memory that they need.
#pragma once

#include "base/error.hpp"
#include "base/types.hpp"
#include "machine/boot/layout.hpp"
#include "x86/state.hpp"

namespace orrery::machine::boot {

// Selectors of the boot GDT (Linux calls them __BOOT_CS, __BOOT_DS and __BOOT_TSS).
inline constexpr std::uint16_t kBootCode = 0x10;
inline constexpr std::uint16_t kBootData = 0x18;
inline constexpr std::uint16_t kBootTask = 0x20;

// 64-bit mode at ENTRY: a GDT, and page tables that map the first 4 GiB to itself. Interrupts off.
Result<x86::CpuState> long_mode_state(Layout& layout, GuestPhysical entry);

// 32-bit protected mode at ENTRY: flat segments, paging and interrupts off.
Result<x86::CpuState> protected_mode_state(Layout& layout, GuestPhysical entry);

// Real mode at 0000:ENTRY, as a BIOS enters a boot sector; the stack ends at ENTRY.
x86::CpuState real_mode_state(std::uint16_t entry);

}  // namespace orrery::machine::boot
