#include "cluster/registry/platform.hpp"

#include <array>
#include <utility>

namespace orrery::cluster {
namespace {

constexpr std::array<std::pair<PlatformState, std::string_view>, 3> kStates{{
    {PlatformState::kJoined, "joined"},
    {PlatformState::kReady, "ready"},
    {PlatformState::kLost, "lost"},
}};

PlatformState state_of(std::string_view name) {
  for (const auto& [state, known] : kStates) {
    if (known == name) return state;
  }
  return PlatformState::kLost;
}

}  // namespace

std::string_view name_of(PlatformState state) {
  return kStates.at(static_cast<std::size_t>(state)).second;
}

Json to_json(const Resources& resources) {
  return {{"memory", resources.memory.value()}, {"cpus", resources.cpus}};
}

Resources resources_of(const Json& json) {
  return {.memory = Bytes(field(json, "memory", std::uint64_t{0})),
          .cpus = field(json, "cpus", 0U)};
}

Json to_json(const PlatformFacts& facts) {
  Json hypervisors = Json::array();
  for (const HypervisorInfo& each : facts.hypervisors) {
    hypervisors.push_back(
        {{"kind", each.kind}, {"version", each.version}, {"abilities", each.abilities}});
  }
  return {{"capacity", to_json(facts.capacity)},
          {"hypervisors", std::move(hypervisors)},
          {"labels", facts.labels},
          {"version", facts.version}};
}

PlatformFacts facts_of(const Json& json) {
  PlatformFacts facts;
  if (const Json* const capacity = find_field(json, "capacity")) {
    facts.capacity = resources_of(*capacity);
  }
  const Json* const hypervisors = find_field(json, "hypervisors");
  if (hypervisors != nullptr && hypervisors->is_array()) {
    for (const Json& each : *hypervisors) {
      facts.hypervisors.push_back({text_field(each, "kind"), text_field(each, "version"),
                                   field(each, "abilities", std::vector<std::string>())});
    }
  }
  facts.labels = field(json, "labels", facts.labels);
  facts.version = text_field(json, "version");
  return facts;
}

Json to_json(const Platform& platform) {
  Json json = to_json(platform.facts);
  json.update({{"name", platform.name},
               {"id", platform.id},
               {"state", name_of(platform.state)},
               {"draining", platform.draining},
               {"given_up", platform.given_up},
               {"allocated", to_json(platform.allocated)},
               {"vms", platform.vms},
               {"credential", platform.credential},
               {"joined", platform.joined}});
  return json;
}

Platform platform_of(const Json& json) {
  Platform platform;
  platform.name = text_field(json, "name");
  platform.id = field(json, "id", std::uint64_t{0});
  platform.facts = facts_of(json);
  platform.state = state_of(text_field(json, "state"));
  platform.draining = field(json, "draining", false);
  platform.given_up = field(json, "given_up", std::uint64_t{0});
  if (const Json* const allocated = find_field(json, "allocated")) {
    platform.allocated = resources_of(*allocated);
  }
  platform.vms = field(json, "vms", 0U);
  platform.credential = text_field(json, "credential");
  platform.joined = field(json, "joined", std::int64_t{0});
  return platform;
}

}  // namespace orrery::cluster
