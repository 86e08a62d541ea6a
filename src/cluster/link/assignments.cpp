#include "cluster/link/assignments.hpp"

#include "cluster/registry/vms.hpp"

namespace orrery::cluster::link {

Outcome<Assign> assignments_of(const Registry& registry, const std::string& platform) {
  ORRERY_TRY(const auto record, registry.platform(platform));
  ORRERY_TRY(const auto owned, Vms(registry).owned_by(platform));
  Assign assign{.vms = {}, .given_up = record->given_up};
  for (const Vm& vm : owned) assign.vms.push_back(assignment_of(vm));
  return assign;
}

}  // namespace orrery::cluster::link
