// A registry over a database, with a clock that a test moves and random numbers that it can repeat.
#pragma once

#include <chrono>
#include <cstring>
#include <random>
#include <string>

#include "cluster/database/memory_database.hpp"
#include "cluster/registry/platforms.hpp"
#include "cluster/registry/registry.hpp"
#include "cluster/registry/users.hpp"
#include "cluster/registry/vms.hpp"
#include "store/digest.hpp"

namespace orrery::testing {

class MovedClock final : public port::Clock {
 public:
  Ticks monotonic() override { return now_; }
  Ticks wall() override { return now_; }
  void move(std::chrono::nanoseconds time) { now_ += time.count(); }

 private:
  Ticks now_{1'700'000'000'000'000'000};
};

class SeededEntropy final : public port::Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : random_(seed) {}
  void fill(MutableByteSpan destination) override {
    for (std::byte& each : destination) each = static_cast<std::byte>(random_());
  }

 private:
  std::mt19937_64 random_;
};

inline const cluster::Caller kRoot{.name = "root", .role = cluster::Role::kAdministrator};

struct Cluster {
  explicit Cluster(cluster::Database& its_database, std::uint64_t seed = 1)
      : database(its_database), entropy(seed) {
    (void)store::load_hasher();
  }

  // A ready platform; its agent's secret is "secret-NAME".
  void add_platform(const std::string& name, Bytes memory = Bytes(4_GiB), unsigned cpus = 4) {
    const std::string token = platforms.make_join_token(kRoot, std::chrono::hours(1)).value();
    cluster::PlatformFacts facts;
    facts.capacity = {.memory = memory, .cpus = cpus};
    facts.hypervisors = {{.kind = "soft", .version = "1", .abilities = {"translate"}}};
    facts.labels = {{"rack", name.substr(0, 1)}};
    (void)platforms.join(token, name, cluster::digest_of("secret-" + name), facts).value();
    (void)platforms.hello(name, facts).value();
  }
  void add_vm(const std::string& name, const cluster::PlacementWish& wish = {},
              Bytes memory = Bytes(1_GiB)) {
    (void)vms.create(kRoot, name, spec(wish, memory)).value();
  }
  static cluster::VmSpec spec(const cluster::PlacementWish& wish = {},
                              Bytes memory = Bytes(1_GiB)) {
    cluster::VmSpec spec;
    spec.options = {{"kernel", {"vmlinuz"}}};
    spec.placement = wish;
    spec.needs = {.memory = memory, .cpus = 1};
    return spec;
  }
  cluster::Vm vm(const std::string& name) const { return registry.vm(name)->value; }
  cluster::Platform platform(const std::string& name) const {
    return registry.platform(name)->value;
  }

  cluster::Database& database;
  MovedClock clock;
  SeededEntropy entropy;
  cluster::Registry registry{{database, clock, entropy}};
  cluster::Vms vms{registry};
  cluster::Platforms platforms{registry};
  cluster::Users users{registry};
};

}  // namespace orrery::testing
