// The ACPI tables of the machine (ACPI 6.5, chapter 5): RSDP, RSDT, XSDT, FADT, FACS, DSDT, MADT.
#pragma once

#include <array>
#include <cstdint>

#include "base/error.hpp"
#include "base/types.hpp"
#include "machine/memory_map.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::machine::acpi {

struct Description {
  unsigned vcpus = 1;
  // The IRQs to which PIRQA to PIRQD are routed.
  std::array<std::uint8_t, 4> pci_irqs{};
};

// Writes all tables; returns the address of the RSDP.
Result<GuestPhysical> write_tables(memory::GuestMemory& memory, const MemoryMap& map,
                                   const Description& description);

}  // namespace orrery::machine::acpi
