// What runs in virtual machines: guests, and their device models.
#include "cluster/api/handlers.hpp"
#include "cluster/api/views.hpp"
#include "cluster/registry/keys.hpp"

namespace orrery::cluster::api {
namespace {

// Those of one record's VM that are asked for.
Json models_of(const Record& record, const std::optional<std::string_view>& server,
               const std::optional<std::string_view>& platform) {
  const Vm vm = vm_of(parse_object(record.value));
  Json models = Json::array();
  if (platform && *platform != vm.owner) return models;
  for (const DeviceModel& each : vm.guest.models) {
    if (server && *server != each.server) continue;
    Json model = to_json(each);
    model["vm"] = vm.name;
    model["platform"] = vm.owner;
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace

Outcome<Output> list_device_models(const Api& api, const Input& input) {
  const auto server = input.request.parameter("server");
  const auto platform = input.request.parameter("platform");
  return page_of_several(api, input, keys::kVms,
                         [&](const Record& record) { return models_of(record, server, platform); });
}

Outcome<Output> list_guests(const Api& api, const Input& input) {
  return page_of(api, input, keys::kVms, [](const Record& record) -> std::optional<Json> {
    const Stored<Vm> vm{vm_of(parse_object(record.value)), record.revision};
    if (vm->running_since == 0) return std::nullopt;
    const Json all = view_of(vm);
    Json guest{{"vm", vm->name}};
    for (const char* const name :
         {"guest", "state", "platform", "runs_on", "running_since", "needs"}) {
      guest[name] = all.at(name);
    }
    return guest;
  });
}

}  // namespace orrery::cluster::api
