// Host code as text that says what it refers to: parts of the vCPU and gates by their names, the
// engine's own records without their addresses, places in the block by their distance from its
// start.
#pragma once

#include <string>

#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft::translate {

// Of the block at RIP: its code, and what of it is hardly ever executed.
std::string host_listing(Translator& translator, std::uint64_t rip);

}  // namespace orrery::hypervisor::soft::translate
