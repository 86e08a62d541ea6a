#include "cluster/registry/upkeep.hpp"

#include <string>
#include <vector>

#include "base/format.hpp"
#include "cluster/registry/keys.hpp"
#include "cluster/registry/platforms.hpp"
#include "cluster/registry/vms.hpp"

namespace orrery::cluster {
namespace {

constexpr std::size_t kAtOnce = 1000;

std::int64_t before(const Registry& registry, std::chrono::nanoseconds age) {
  return registry.now() - age.count();
}

Outcome<> remove_all(const Registry& registry, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  Transaction transaction;
  transaction.durability = Durability::kVolatile;
  for (const std::string& key : names) transaction.remove(key);
  ORRERY_CHECK(registry.database().commit(transaction));
  return {};
}

// Their names begin with the time, in hexadecimal.
Outcome<> forget_log(const Registry& registry, const std::string& prefix,
                     std::chrono::nanoseconds age) {
  const std::string limit = format("{}{:016x}", prefix, before(registry, age));
  ORRERY_TRY(const auto records, registry.database().list(prefix, "", kAtOnce));
  std::vector<std::string> old;
  for (const Record& record : records) {
    if (record.key < limit) old.push_back(record.key);
  }
  return remove_all(registry, old);
}

// Those of one time field or another that lie before LIMIT.
Outcome<> forget_by_field(const Registry& registry, const std::string& prefix, const char* name,
                          std::int64_t limit) {
  ORRERY_TRY(const auto records, registry.database().list(prefix, "", SIZE_MAX));
  std::vector<std::string> old;
  for (const Record& record : records) {
    const std::int64_t time = field(parse_object(record.value), name, std::int64_t{0});
    if (time < limit && old.size() < kAtOnce) old.push_back(record.key);
  }
  return remove_all(registry, old);
}

}  // namespace

Outcome<> look_after(const Registry& registry) {
  Platforms platforms(registry);
  Vms vms(registry);
  ORRERY_TRY(const auto ended, platforms.ended_leases());
  for (const Record& lease : ended) {
    ORRERY_CHECK(platforms.mark_lost(lease));
    ORRERY_CHECK(vms.lose_sight(lease));
    ORRERY_CHECK(platforms.forget(lease));
  }
  ORRERY_CHECK(vms.place_pending());
  return {};
}

Outcome<> forget_old(const Registry& registry) {
  ORRERY_CHECK(forget_log(registry, keys::kEvents, kEventsKept));
  ORRERY_CHECK(forget_log(registry, keys::kAudit, kAuditKept));
  ORRERY_CHECK(forget_by_field(registry, keys::kRepeats, "time", before(registry, kRepeatsKept)));
  ORRERY_CHECK(forget_by_field(registry, keys::kEpochs, "time", before(registry, kEpochsKept)));
  return forget_by_field(registry, keys::kJoins, "until", registry.now());
}

}  // namespace orrery::cluster
