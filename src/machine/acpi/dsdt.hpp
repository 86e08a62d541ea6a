// The contents of the DSDT: what a PC's firmware says about devices that cannot be enumerated.
#pragma once

#include "machine/acpi/aml.hpp"
#include "machine/acpi/tables.hpp"
#include "machine/memory_map.hpp"

namespace orrery::machine::acpi {

Code dsdt(const MemoryMap& map, const Description& description);

}  // namespace orrery::machine::acpi
