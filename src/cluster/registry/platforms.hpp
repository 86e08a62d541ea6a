// What can be done with platforms, and how they come, are heard of, and are lost.
//
// A platform's agent renews a lease. When it has not for as long as the lease lasts, the platform
// is lost: it gets no VMs, and those that it owns are unknown. They stay its own, for they may well
// run: an agent that is killed leaves them alone.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cluster/registry/registry.hpp"

namespace orrery::cluster {

class Platforms {
 public:
  using Done = Outcome<Stored<Platform>>;
  explicit Platforms(const Registry& registry) : registry_(registry) {}

  // An agent renews every third of it: two may be lost on the way, and a killed agent that is
  // started at once is not missed.
  static constexpr std::chrono::seconds kLease{10};

  // A secret by which one agent may join, once, within LIFETIME.
  Outcome<std::string> make_join_token(const Caller& caller, std::chrono::seconds lifetime);

  // TOKEN was made by make_join_token(); CREDENTIAL is the digest of a secret that the agent has
  // made and keeps. The same agent may ask twice, as its answer may have been lost.
  Done join(const std::string& token, const std::string& name, const std::string& credential,
            const PlatformFacts& facts);

  // Its agent has connected. Also the first renew().
  Done hello(const std::string& name, const PlatformFacts& facts);
  // Its agent is there. A lost platform is found again by hello() only: then it tells all.
  Outcome<> renew(const std::string& name);

  // HOST:PORT of the panel that its agent is connected to, as far as is known; empty: none that can
  // be reached.
  Outcome<std::string> panel_of(const std::string& name) const;

  // Leases that have ended. A platform whose lease has is marked as lost, then its VMs are unknown
  // (Vms::lose_sight()), then its lease is forgotten: so whoever is killed between is followed by
  // another who goes on. Each of these does nothing where the lease has been renewed meanwhile.
  Outcome<std::vector<Record>> ended_leases() const;
  Outcome<> mark_lost(const Record& lease);
  Outcome<> forget(const Record& lease);

  enum class Drain : std::uint8_t { kBegin, kEnd };
  Done drain(const Caller& caller, const std::string& name, Drain what);
  // Only without VMs. Its agent's secret is worth nothing then.
  Done remove(const Caller& caller, const std::string& name);

 private:
  const Registry& registry_;
};

}  // namespace orrery::cluster
