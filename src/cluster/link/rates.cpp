#include "cluster/link/rates.hpp"

#include <algorithm>
#include <string_view>

namespace orrery::cluster::link {
namespace {

// (A device whose counters have gone back has been made anew.)
double rate_of(std::uint64_t before, std::uint64_t now, double seconds) {
  return now < before ? 0 : static_cast<double>(now - before) / seconds;
}

// Of all devices that are called PREFIX and a number.
Flow flow_of(const VmFigures& before, const VmFigures& now, std::string_view prefix,
             double seconds) {
  Flow flow;
  for (const DeviceFigures& each : now.devices) {
    if (!each.name.starts_with(prefix)) continue;
    const auto old = std::ranges::find(before.devices, each.name, &DeviceFigures::name);
    if (old == before.devices.end()) continue;
    flow.in += rate_of(old->in_bytes, each.in_bytes, seconds);
    flow.out += rate_of(old->out_bytes, each.out_bytes, seconds);
  }
  return flow;
}

}  // namespace

std::optional<Rates> rates_between(const VmFigures& before, const VmFigures& now) {
  if (now.taken_ns <= before.taken_ns || now.processor_ns < before.processor_ns) {
    return std::nullopt;
  }
  constexpr double kSecond = 1e9;  // in nanoseconds
  const double seconds = static_cast<double>(now.taken_ns - before.taken_ns) / kSecond;
  return Rates{.processors = rate_of(before.processor_ns, now.processor_ns, seconds) / kSecond,
               .resident = Bytes(now.resident),
               .disk = flow_of(before, now, "disk", seconds),
               .network = flow_of(before, now, "net", seconds)};
}

}  // namespace orrery::cluster::link
