// Orrery's own engine behind seam 1.
#pragma once

#include <memory>
#include <optional>

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/soft/mmu/paging_options.hpp"
#include "hypervisor/soft/translate/options.hpp"

namespace orrery::hypervisor::soft {

// MEMORY outlives the Vm. With TRANSLATION hot code becomes host code; without, everything is
// interpreted. PAGING is for measurements.
std::unique_ptr<Vm> create_soft_vm(memory::GuestMemory& memory,
                                   std::optional<translate::Options> translation = std::nullopt,
                                   const PagingOptions& paging = {});

}  // namespace orrery::hypervisor::soft
