#include "cluster/link/figures.hpp"

#include <utility>

namespace orrery::cluster::link {
namespace {

// More devices than a VM can have.
constexpr std::size_t kMostDevices = 64;

DeviceFigures device_of(const Json& json) {
  return {.name = text_field(json, "name"),
          .in = field(json, "in", std::uint64_t{0}),
          .in_bytes = field(json, "in_bytes", std::uint64_t{0}),
          .out = field(json, "out", std::uint64_t{0}),
          .out_bytes = field(json, "out_bytes", std::uint64_t{0})};
}

}  // namespace

Json to_json(const VmFigures& figures) {
  Json devices = Json::array();
  for (const DeviceFigures& each : figures.devices) {
    devices.push_back({{"name", each.name},
                       {"in", each.in},
                       {"in_bytes", each.in_bytes},
                       {"out", each.out},
                       {"out_bytes", each.out_bytes}});
  }
  return {{"taken_ns", figures.taken_ns},
          {"processor_ns", figures.processor_ns},
          {"resident", figures.resident},
          {"devices", std::move(devices)}};
}

VmFigures figures_of(const Json& json) {
  VmFigures figures{.taken_ns = field(json, "taken_ns", std::uint64_t{0}),
                    .processor_ns = field(json, "processor_ns", std::uint64_t{0}),
                    .resident = field(json, "resident", std::uint64_t{0})};
  const Json* const devices = find_field(json, "devices");
  if (devices == nullptr || !devices->is_array()) return figures;
  for (const Json& each : *devices) {
    if (figures.devices.size() == kMostDevices) break;
    figures.devices.push_back(device_of(each));
  }
  return figures;
}

}  // namespace orrery::cluster::link
