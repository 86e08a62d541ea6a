#include "cluster/registry/platforms.hpp"

#include <utility>

#include "base/format.hpp"
#include "cluster/registry/edit.hpp"
#include "cluster/registry/keys.hpp"

namespace orrery::cluster {
namespace {

using Kind = Refusal::Kind;

std::int64_t nanoseconds(std::chrono::nanoseconds time) {
  return time.count();
}

std::string until_text(std::int64_t until) {
  return to_text({{"until", until}});
}

std::int64_t until_of(const Record& record) {
  return field(parse_object(record.value), "until", std::int64_t{0});
}

// A lease that begins now, of who is connected to this panel.
std::string new_lease(const Registry& registry) {
  const std::int64_t until = registry.now() + nanoseconds(Platforms::kLease);
  return to_text({{"until", until}, {"panel", registry.panel()}});
}

Caller agent(const std::string& name) {
  return {.name = name, .role = Role::kHost};
}

}  // namespace

Outcome<std::string> Platforms::make_join_token(const Caller& caller,
                                                std::chrono::seconds lifetime) {
  const std::string token = "join-" + registry_.random_text();
  Edit edit(registry_, caller);
  const std::int64_t until = registry_.now() + nanoseconds(lifetime);
  edit.transaction().put(keys::kJoins + digest_of(token), until_text(until));
  ORRERY_CHECK(edit.commit());
  return token;
}

Platforms::Done Platforms::join(const std::string& token, const std::string& name,
                                const std::string& credential, const PlatformFacts& facts) {
  ORRERY_CHECK(check_name(name));
  if (credential.size() != digest_of("").size()) {
    return refuse(Kind::kInvalid, "the credential is no digest of an agent's secret");
  }
  return decide([&]() -> Done {
    auto known = registry_.platform(name);
    if (known && known->value.credential == credential) return known;
    const std::string key = keys::kJoins + digest_of(token);
    ORRERY_TRY(const auto join, registry_.database().get(key));
    if (!join || until_of(*join) < registry_.now()) {
      return refuse(Kind::kUnknownUser,
                    "this join token was used before, has expired, or never was one; make another "
                    "one by `orrery platform token`");
    }
    if (known) return refuse(Kind::kConflict, format("there is a platform {} already", name));
    if (known.error().kind != Kind::kNotFound) return known;
    Stored<Platform> platform;
    platform->name = name;
    platform->id = registry_.random_number();
    platform->facts = facts;
    platform->credential = credential;
    platform->joined = registry_.now();
    const Caller by = agent(name);
    Edit edit(registry_, by);
    edit.save(platform);
    edit.transaction().expect(key, join->revision);
    edit.transaction().remove(key);
    edit.transaction().put(keys::kHosts + credential, to_text({{"platform", name}}));
    edit.event("joined", keys::platform(name), "");
    ORRERY_TRY(platform.revision, edit.commit());
    return platform;
  });
}

Platforms::Done Platforms::hello(const std::string& name, const PlatformFacts& facts) {
  return decide([&]() -> Done {
    ORRERY_TRY(Stored<Platform> platform, registry_.platform(name));
    const Caller by = agent(name);
    Edit edit(registry_, by);
    edit.transaction().put(keys::lease(name), new_lease(registry_));
    if (platform->state != PlatformState::kReady) {
      edit.event("ready", keys::platform(name), "");
    }
    platform->state = PlatformState::kReady;
    platform->facts = facts;
    edit.concerns(name);
    edit.save(platform);
    ORRERY_TRY(platform.revision, edit.commit());
    return platform;
  });
}

Outcome<> Platforms::renew(const std::string& name) {
  ORRERY_TRY(const auto lease, registry_.database().get(keys::lease(name)));
  if (!lease) return refuse(Kind::kConflict, format("{} was lost: its agent has to connect", name));
  Transaction transaction;
  transaction.durability = Durability::kVolatile;
  // (Where it is lost at this moment, that was first.)
  transaction.expect(lease->key, lease->revision);
  transaction.put(lease->key, new_lease(registry_));
  ORRERY_TRY(const auto renewed, registry_.database().commit(transaction));
  if (!renewed) return refuse(Kind::kConflict, format("{} was lost just now", name));
  return {};
}

Outcome<std::string> Platforms::panel_of(const std::string& name) const {
  ORRERY_TRY(const auto lease, registry_.database().get(keys::lease(name)));
  return lease ? text_field(parse_object(lease->value), "panel") : "";
}

Outcome<std::vector<Record>> Platforms::ended_leases() const {
  ORRERY_TRY(auto leases, registry_.database().list(keys::kLeases, "", SIZE_MAX));
  std::erase_if(leases, [&](const Record& lease) { return until_of(lease) >= registry_.now(); });
  return leases;
}

Outcome<> Platforms::mark_lost(const Record& lease) {
  const std::string name = keys::name_in(lease.key);
  auto platform = registry_.platform(name);
  if (!platform && platform.error().kind == Kind::kNotFound) return {};
  if (!platform) return std::unexpected(platform.error());
  if (platform->value.state == PlatformState::kLost) return {};
  const Caller by{.name = "panel", .role = Role::kAdministrator};
  Edit edit(registry_, by);
  edit.transaction().expect(lease.key, lease.revision);
  platform->value.state = PlatformState::kLost;
  edit.save(*platform);
  edit.event("lost", keys::platform(name), "its agent has not been heard of");
  edit.concerns(name);
  const auto committed = edit.commit();
  // (If it was the platform that changed, and not the lease, it is marked the next time.)
  if (!committed && committed.error().kind != Kind::kRaced) {
    return std::unexpected(committed.error());
  }
  return {};
}

Outcome<> Platforms::forget(const Record& lease) {
  const auto platform = registry_.platform(keys::name_in(lease.key));
  if (platform && platform->value.state != PlatformState::kLost) return {};
  Transaction transaction;
  transaction.expect(lease.key, lease.revision);
  transaction.remove(lease.key);
  ORRERY_CHECK(registry_.database().commit(transaction));
  return {};
}

Platforms::Done Platforms::drain(const Caller& caller, const std::string& name, Drain what) {
  return decide([&]() -> Done {
    ORRERY_TRY(Stored<Platform> platform, registry_.platform(name));
    const bool draining = what == Drain::kBegin;
    if (platform->draining == draining) return platform;
    platform->draining = draining;
    Edit edit(registry_, caller);
    edit.save(platform);
    edit.event(draining ? "draining" : "open", keys::platform(name), "");
    ORRERY_TRY(platform.revision, edit.commit());
    return platform;
  });
}

Platforms::Done Platforms::remove(const Caller& caller, const std::string& name) {
  return decide([&]() -> Done {
    ORRERY_TRY(Stored<Platform> platform, registry_.platform(name));
    if (platform->vms != 0) {
      return refuse(Kind::kConflict, format("{} owns {} virtual machines: stop them first, or "
                                            "release them where it is lost",
                                            name, platform->vms));
    }
    Edit edit(registry_, caller);
    edit.transaction().expect(keys::platform(name), platform.revision);
    edit.transaction().remove(keys::platform(name));
    edit.transaction().remove(keys::lease(name));
    edit.transaction().remove(keys::kHosts + platform->credential);
    edit.concerns(name);
    edit.event("removed", keys::platform(name), "");
    ORRERY_TRY(platform.revision, edit.commit());
    return platform;
  });
}

}  // namespace orrery::cluster
