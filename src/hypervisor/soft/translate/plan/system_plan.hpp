// Ways of instructions that belong to operating systems.
#pragma once

#include <optional>

#include "hypervisor/soft/access.hpp"
#include "hypervisor/soft/translate/plan/plan.hpp"

namespace orrery::hypervisor::soft::translate {

// The way of a system instruction that translated code executes itself, or nothing.
std::optional<Way> system_way(const Decoded& decoded);

// The plan of an instruction with that way.
Plan plan_for_system(Way way);

// Whether code that accesses data in MODE may go this way; otherwise it is Way::kSystem.
// HAS_ACCESS_CHECKS: the guest's processor has CLAC and STAC.
bool is_open_in(Way way, AccessMode mode, bool has_access_checks);

}  // namespace orrery::hypervisor::soft::translate
