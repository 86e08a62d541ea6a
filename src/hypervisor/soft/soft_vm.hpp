// Orrery's own engine behind seam 1.
#pragma once

#include <memory>
#include <optional>

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/soft/translate/options.hpp"

namespace orrery::hypervisor::soft {

// MEMORY outlives the Vm. With TRANSLATION hot code becomes host code; without, everything is
// interpreted.
std::unique_ptr<Vm> create_soft_vm(memory::GuestMemory& memory,
                                   std::optional<translate::Options> translation = std::nullopt);

}  // namespace orrery::hypervisor::soft
