#include "cluster/registry/changes.hpp"

#include <cstddef>

#include "cluster/registry/keys.hpp"

namespace orrery::cluster {

Outcome<Changes> changes_since(const Registry& registry, Revision since) {
  Database& database = registry.database();
  Changes changes;
  ORRERY_TRY(changes.last, database.revision());
  if (changes.last == since) return changes;
  ORRERY_TRY(const auto platforms, database.list_changed(keys::kPlatforms, since, SIZE_MAX));
  for (const Record& each : platforms) changes.platforms.insert(keys::name_in(each.key));
  ORRERY_TRY(const auto vms, database.list_changed(keys::kVms, since, SIZE_MAX));
  for (const Record& each : vms) {
    const Vm vm = vm_of(parse_object(each.value));
    if (!vm.owner.empty()) changes.platforms.insert(vm.owner);
    if (!vm.last_owner.empty()) changes.platforms.insert(vm.last_owner);
  }
  return changes;
}

}  // namespace orrery::cluster
