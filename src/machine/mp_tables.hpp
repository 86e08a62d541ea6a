// The MP tables (Intel MultiProcessor Specification 1.4, chapter 4): the machine's processors and
// interrupt wiring, for operating systems that know no ACPI. They say the same as the MADT.
#pragma once

#include <array>
#include <cstdint>

#include "base/error.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::machine {

// PCI_IRQS: where PIRQA to PIRQD are routed. Writes to kMpTables.
Result<> write_mp_tables(memory::GuestMemory& memory, unsigned vcpus,
                         const std::array<std::uint8_t, 4>& pci_irqs);

}  // namespace orrery::machine
