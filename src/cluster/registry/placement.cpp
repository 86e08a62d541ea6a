#include "cluster/registry/placement.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "base/format.hpp"
#include "base/units.hpp"
#include "cluster/registry/keys.hpp"

namespace orrery::cluster {
namespace {

bool has_hypervisor(const Platform& platform, const PlacementWish& wish) {
  return std::ranges::any_of(platform.facts.hypervisors, [&](const HypervisorInfo& each) {
    return (wish.hypervisor.empty() || each.kind == wish.hypervisor) &&
           std::ranges::all_of(wish.abilities, [&](const std::string& ability) {
             return std::ranges::find(each.abilities, ability) != each.abilities.end();
           });
  });
}

bool has_labels(const Platform& platform, const PlacementWish& wish) {
  return std::ranges::all_of(wish.labels, [&](const auto& label) {
    const auto found = platform.facts.labels.find(label.first);
    return found != platform.facts.labels.end() && found->second == label.second;
  });
}

std::string objection_to_capacity(const Platform& platform, const Resources& needs) {
  const Resources& capacity = platform.facts.capacity;
  const std::uint64_t taken = platform.allocated.memory.value();
  const std::uint64_t free = capacity.memory.value() > taken ? capacity.memory.value() - taken : 0;
  if (needs.memory.value() > free) {
    return format("has {} of memory left", to_string(Bytes(free)));
  }
  // Processors are shared: a VM may not have more than there are.
  if (needs.cpus > capacity.cpus) return format("has {} processors", capacity.cpus);
  return "";
}

// What is allocated of the memory, in 1/1024.
std::uint64_t fullness(const Platform& platform) {
  const std::uint64_t capacity = std::max<std::uint64_t>(platform.facts.capacity.memory.value(), 1);
  return platform.allocated.memory.value() / std::max<std::uint64_t>(capacity / 1024, 1);
}

// A VM with the same `apart` is there.
Outcome<bool> is_too_close(const Registry& registry, const std::string& platform, const Vm& vm) {
  if (vm.spec.placement.apart.empty()) return false;
  ORRERY_TRY(const auto owned, registry.database().list(keys::owned_by(platform), "", SIZE_MAX));
  return std::ranges::any_of(owned, [&](const Record& record) {
    return record.value == vm.spec.placement.apart && keys::name_in(record.key) != vm.name;
  });
}

// The first reasons are the most telling ones.
std::string summary(const std::map<std::string, std::string>& objections) {
  if (objections.empty()) return "no platform has joined";
  constexpr std::size_t kTold = 3;
  std::string text = "no platform can take it:";
  std::size_t told = 0;
  for (const auto& [platform, why] : objections) {
    if (told++ == kTold) return text + format(" and {} more", objections.size() - kTold);
    text += format("{} {} {}", told == 1 ? "" : ",", platform, why);
  }
  return text;
}

}  // namespace

std::string objection(const Platform& platform, const Vm& vm) {
  const PlacementWish& wish = vm.spec.placement;
  if (!wish.platform.empty() && wish.platform != platform.name) return "is not the one wished for";
  if (!vm.suspended_on.empty() && vm.suspended_on != platform.name)
    return "does not have its state";
  if (platform.state != PlatformState::kReady) return format("is {}", name_of(platform.state));
  if (platform.draining) return "is draining";
  if (!has_hypervisor(platform, wish)) return "has no hypervisor that fits";
  if (!has_labels(platform, wish)) return "has other labels";
  return objection_to_capacity(platform, vm.spec.needs);
}

Outcome<Choice> choose_platform(const Registry& registry, const Vm& vm) {
  ORRERY_TRY(const auto records, registry.database().list(keys::kPlatforms, "", SIZE_MAX));
  std::vector<Stored<Platform>> able;
  std::map<std::string, std::string> objections;
  for (const Record& record : records) {
    Platform platform = platform_of(parse_object(record.value));
    const std::string why = objection(platform, vm);
    if (why.empty()) {
      able.push_back({std::move(platform), record.revision});
    } else {
      objections[platform.name] = why;
    }
  }
  std::ranges::sort(able, {}, [&](const Stored<Platform>& each) {
    return std::pair(each->name != vm.last_owner, fullness(each.value));
  });
  for (Stored<Platform>& each : able) {
    ORRERY_TRY(const bool too_close, is_too_close(registry, each->name, vm));
    if (!too_close) return Choice{std::move(each), ""};
    objections[each->name] = format("has another of {}", vm.spec.placement.apart);
  }
  return Choice{std::nullopt, summary(objections)};
}

}  // namespace orrery::cluster
