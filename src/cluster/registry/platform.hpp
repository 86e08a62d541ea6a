// A client platform: a host that runs virtual machines, as its agent describes it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/types.hpp"
#include "cluster/registry/fields.hpp"

namespace orrery::cluster {

// What VMs take of a platform.
struct Resources {
  Bytes memory = {};
  unsigned cpus = 0;

  friend bool operator==(const Resources&, const Resources&) = default;
};
Json to_json(const Resources& resources);
Resources resources_of(const Json& json);

// Who executes guests there, and what it can do.
struct HypervisorInfo {
  std::string kind = {};  // "kvm" or "soft"
  std::string version = {};
  std::vector<std::string> abilities = {};

  friend bool operator==(const HypervisorInfo&, const HypervisorInfo&) = default;
};

// What its agent tells about a platform, and may tell anew.
struct PlatformFacts {
  Resources capacity = {};
  std::vector<HypervisorInfo> hypervisors = {};
  std::map<std::string, std::string> labels = {};
  std::string version = {};  // of the agent

  friend bool operator==(const PlatformFacts&, const PlatformFacts&) = default;
};
Json to_json(const PlatformFacts& facts);
PlatformFacts facts_of(const Json& json);

enum class PlatformState : std::uint8_t {
  kJoined,  // its agent has never connected
  kReady,   // its agent has been heard of within the lease
  kLost,    // it has not; what runs there is not known
};
std::string_view name_of(PlatformState state);

struct Platform {
  std::string name = {};
  std::uint64_t id = 0;  // in I/O packets
  PlatformFacts facts = {};
  PlatformState state = PlatformState::kJoined;
  bool draining = false;        // gets no more VMs
  Resources allocated = {};     // to VMs that it owns
  unsigned vms = 0;             // how many
  std::uint64_t given_up = 0;   // kept states of VMs that are nobody's any more, so far
  std::string credential = {};  // digest of its agent's secret
  std::int64_t joined = 0;      // ns since 1970
};
Json to_json(const Platform& platform);
Platform platform_of(const Json& json);

}  // namespace orrery::cluster
