// What a platform's agent is told to run, out of the registry.
#pragma once

#include <string>

#include "cluster/link/message.hpp"
#include "cluster/registry/registry.hpp"

namespace orrery::cluster::link {

// Everything that PLATFORM owns.
Outcome<Assign> assignments_of(const Registry& registry, const std::string& platform);

}  // namespace orrery::cluster::link
