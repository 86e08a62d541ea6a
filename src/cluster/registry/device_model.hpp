// The device models of a running VM: which there are, where each runs, and the way of one from one
// device server to another.
//
// Where a model runs its VM decides (docs/decisions/0030-models-that-move.md): the registry knows
// what the VM's agent has last said, and passes on that it should go elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/registry/fields.hpp"

namespace orrery::cluster {

struct DeviceModel {
  std::string name = {};    // "disk0": unique among those of one server, or of the VM's process
  std::string kind = {};    // "serial", "disk", "network", "console", "entropy", "remote"
  std::string server = {};  // host:port; empty: it runs in the VM's own process
  bool found = true;        // otherwise it is being looked for at its server

  friend bool operator==(const DeviceModel&, const DeviceModel&) = default;
};

// What an agent tells of what runs in a VM.
struct GuestFacts {
  std::string hypervisor = {};  // the kind that it runs on: "soft" or "kvm"
  std::vector<DeviceModel> models = {};

  friend bool operator==(const GuestFacts&, const GuestFacts&) = default;
};

// The last move that a person has asked for.
struct DeviceMove {
  enum class State : std::uint8_t { kNone, kUnderWay, kDone, kRefused };

  std::uint64_t number = 0;  // counts those of the VM, over all its starts
  std::string device = {};
  std::string server = {};  // HOST or HOST:PORT, as it was asked for
  State state = State::kNone;
  std::string detail = {};  // why it was refused

  bool under_way() const { return state == State::kUnderWay; }
};
std::string_view name_of(DeviceMove::State state);

Json to_json(const DeviceModel& model);
Json to_json(const GuestFacts& facts);
// What is missing is empty; of more models than a VM can have the rest is left out.
GuestFacts guest_facts_of(const Json& json);
Json to_json(const DeviceMove& move);
DeviceMove move_of(const Json& json);

}  // namespace orrery::cluster
