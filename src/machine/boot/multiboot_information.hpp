// What a multiboot kernel finds at EBX (Multiboot 0.6.96, 3.3).
#pragma once

#include "base/error.hpp"
#include "machine/boot/layout.hpp"
#include "machine/boot/payload.hpp"

namespace orrery::machine::boot {

// Places the modules behind the kernel, and behind them the information with all that it points to.
Result<GuestPhysical> place_multiboot_information(Layout& layout, const Payload& payload);

}  // namespace orrery::machine::boot
