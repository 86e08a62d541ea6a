#include "cluster/registry/vm.hpp"

#include <array>
#include <utility>

namespace orrery::cluster {
namespace {

constexpr std::array<std::pair<VmState, std::string_view>, 10> kStates{{
    {VmState::kStopped, "stopped"},
    {VmState::kPending, "pending"},
    {VmState::kStarting, "starting"},
    {VmState::kRunning, "running"},
    {VmState::kPaused, "paused"},
    {VmState::kStopping, "stopping"},
    {VmState::kFailed, "failed"},
    {VmState::kUnknown, "unknown"},
    {VmState::kSuspending, "suspending"},
    {VmState::kSuspended, "suspended"},
}};

constexpr std::string_view kOnFailure = "on-failure";

Json to_json(const PlacementWish& wish) {
  Json json = Json::object();
  if (!wish.platform.empty()) json["platform"] = wish.platform;
  if (!wish.labels.empty()) json["labels"] = wish.labels;
  if (!wish.hypervisor.empty()) json["hypervisor"] = wish.hypervisor;
  if (!wish.abilities.empty()) json["abilities"] = wish.abilities;
  if (!wish.apart.empty()) json["apart"] = wish.apart;
  return json;
}

PlacementWish wish_of(const Json& json) {
  PlacementWish wish;
  wish.platform = text_field(json, "platform");
  wish.labels = field(json, "labels", wish.labels);
  wish.hypervisor = text_field(json, "hypervisor");
  wish.abilities = field(json, "abilities", wish.abilities);
  wish.apart = text_field(json, "apart");
  return wish;
}

}  // namespace

std::string_view name_of(VmState state) {
  return kStates.at(static_cast<std::size_t>(state)).second;
}

VmState vm_state_of(std::string_view name, VmState fallback) {
  for (const auto& [state, known] : kStates) {
    if (known == name) return state;
  }
  return fallback;
}

Json to_json(const VmSpec& spec) {
  return {{"options", spec.options},
          {"guest", spec.guest},
          {"placement", to_json(spec.placement)},
          {"restart", spec.restart == Restart::kOnFailure ? kOnFailure : "never"},
          {"needs", to_json(spec.needs)}};
}

VmSpec spec_of(const Json& json) {
  VmSpec spec;
  spec.options = field(json, "options", spec.options);
  spec.guest = text_field(json, "guest");
  if (const Json* const wish = find_field(json, "placement")) spec.placement = wish_of(*wish);
  if (text_field(json, "restart") == kOnFailure) spec.restart = Restart::kOnFailure;
  if (const Json* const needs = find_field(json, "needs")) spec.needs = resources_of(*needs);
  return spec;
}

Json to_json(const Desired& desired) {
  return {{"power", desired.power == Power::kOn ? "on" : "off"},
          {"force", desired.force},
          {"suspend", desired.suspend},
          {"paused", desired.paused},
          {"resets", desired.resets}};
}

Desired desired_of(const Json& json) {
  return {.power = text_field(json, "power") == "on" ? Power::kOn : Power::kOff,
          .force = field(json, "force", false),
          .suspend = field(json, "suspend", false),
          .paused = field(json, "paused", false),
          .resets = field(json, "resets", std::uint64_t{0})};
}

Json to_json(const Vm& vm) {
  Json json = to_json(vm.spec);
  json.update({{"name", vm.name},
               {"id", vm.id},
               {"desired", to_json(vm.desired)},
               {"platform", vm.owner},
               {"epoch", vm.epoch},
               {"last_platform", vm.last_owner},
               {"suspended_on", vm.suspended_on},
               {"state", name_of(vm.state)},
               {"detail", vm.detail},
               {"failures", vm.failures},
               {"not_before", vm.not_before},
               {"created", vm.created},
               {"runs_on", vm.guest.hypervisor},
               {"models", to_json(vm.guest).at("models")},
               {"running_since", vm.running_since},
               {"move", to_json(vm.move)}});
  return json;
}

Vm vm_of(const Json& json) {
  Vm vm;
  vm.spec = spec_of(json);
  vm.name = text_field(json, "name");
  vm.id = field(json, "id", std::uint64_t{0});
  if (const Json* const desired = find_field(json, "desired")) vm.desired = desired_of(*desired);
  vm.owner = text_field(json, "platform");
  vm.epoch = field(json, "epoch", std::uint64_t{0});
  vm.last_owner = text_field(json, "last_platform");
  vm.suspended_on = text_field(json, "suspended_on");
  vm.state = vm_state_of(text_field(json, "state"), VmState::kUnknown);
  vm.detail = text_field(json, "detail");
  vm.failures = field(json, "failures", 0U);
  vm.not_before = field(json, "not_before", std::int64_t{0});
  vm.created = field(json, "created", std::int64_t{0});
  vm.guest = guest_facts_of(json);
  vm.guest.hypervisor = text_field(json, "runs_on");
  vm.running_since = field(json, "running_since", std::int64_t{0});
  if (const Json* const move = find_field(json, "move")) vm.move = move_of(*move);
  return vm;
}

}  // namespace orrery::cluster
