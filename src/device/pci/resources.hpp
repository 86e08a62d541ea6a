// What firmware does on a bus before it boots an operating system, for machines that boot a kernel
// directly: gives every BAR an address, writes interrupt lines and switches decoding on.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "base/types.hpp"
#include "device/pci/interrupt_router.hpp"
#include "device/pci/root.hpp"

namespace orrery::device::pci {

// The addresses that BARs may take; ends are exclusive.
struct ResourceWindows {
  GuestPhysical memory_start;  // in the hole between RAM and 4 GiB
  GuestPhysical memory_end;
  std::uint32_t io_start = 0xC000;
  std::uint32_t io_end = 0x1'0000;
};

// Largest BAR first, each aligned to its size. Routes must be programmed in ROUTER before
// (IsaBridge::program_default_routes). Called without device locks, before vCPUs run. Fails when a
// window is too small.
Result<> assign_resources(Root& root, const InterruptRouter& router,
                          const ResourceWindows& windows);

}  // namespace orrery::device::pci
