// Host code as text that says what it refers to: parts of the vCPU and gates by their names, the
// engine's own records without their addresses, places in the block by their distance from its
// start.
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft::translate {

std::string host_listing(const Translator& translator, ByteSpan code);

}  // namespace orrery::hypervisor::soft::translate
