// What this host has for virtual machines.
#pragma once

#include <map>
#include <string>

#include "cluster/registry/platform.hpp"

namespace orrery::cluster::host {

// Looks at the host; runs a probe guest where there is KVM.
PlatformFacts facts_of_host(const std::string& version,
                            const std::map<std::string, std::string>& labels);

}  // namespace orrery::cluster::host
