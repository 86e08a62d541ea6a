#include "cluster/registry/device_model.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace orrery::cluster {
namespace {

// More than a PCI bus has slots for.
constexpr std::size_t kMostModels = 64;

// In the order of DeviceMove::State.
constexpr std::array<std::string_view, 4> kMoveStates{"none", "under way", "done", "refused"};

DeviceModel model_of(const Json& json) {
  return {.name = text_field(json, "name"),
          .kind = text_field(json, "kind"),
          .server = text_field(json, "server"),
          .found = field(json, "found", true)};
}

}  // namespace

std::string_view name_of(DeviceMove::State state) {
  return kMoveStates.at(static_cast<std::size_t>(state));
}

Json to_json(const DeviceModel& model) {
  return {
      {"name", model.name}, {"kind", model.kind}, {"server", model.server}, {"found", model.found}};
}

Json to_json(const GuestFacts& facts) {
  Json models = Json::array();
  for (const DeviceModel& each : facts.models) models.push_back(to_json(each));
  return {{"hypervisor", facts.hypervisor}, {"models", std::move(models)}};
}

GuestFacts guest_facts_of(const Json& json) {
  GuestFacts facts{.hypervisor = text_field(json, "hypervisor")};
  const Json* const models = find_field(json, "models");
  if (models == nullptr || !models->is_array()) return facts;
  for (const Json& each : *models) {
    if (facts.models.size() == kMostModels) break;
    facts.models.push_back(model_of(each));
  }
  return facts;
}

Json to_json(const DeviceMove& move) {
  return {{"number", move.number},
          {"device", move.device},
          {"server", move.server},
          {"state", name_of(move.state)},
          {"detail", move.detail}};
}

DeviceMove move_of(const Json& json) {
  const auto* const state = std::ranges::find(kMoveStates, text_field(json, "state"));
  const auto number = static_cast<std::size_t>(state - kMoveStates.begin());
  return {.number = field(json, "number", std::uint64_t{0}),
          .device = text_field(json, "device"),
          .server = text_field(json, "server"),
          .state = state == kMoveStates.end() ? DeviceMove::State::kNone
                                              : static_cast<DeviceMove::State>(number),
          .detail = text_field(json, "detail")};
}

}  // namespace orrery::cluster
