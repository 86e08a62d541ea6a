// Which platform a VM goes to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/registry/platform.hpp"
#include "cluster/registry/registry.hpp"
#include "cluster/registry/vm.hpp"

namespace orrery::cluster {

// Why PLATFORM cannot take the VM, by what the two say of themselves; empty: it can.
std::string objection(const Platform& platform, const Vm& vm);

// Of those without an objection: the one where it was last, for what it has there; or else the one
// whose memory is allocated least, by proportion. With none, `reason` says why.
struct Choice {
  std::optional<Stored<Platform>> platform;
  std::string reason;
};
// Reads the registry.
Outcome<Choice> choose_platform(const Registry& registry, const Vm& vm);

}  // namespace orrery::cluster
