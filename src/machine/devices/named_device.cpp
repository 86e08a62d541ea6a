#include "machine/devices/named_device.hpp"

#include <nlohmann/json.hpp>

#include "base/format.hpp"

namespace orrery::machine {

void reset_all(const NamedDevices& devices) {
  for (const NamedDevice& named : devices) {
    const std::lock_guard lock(*named.lock);
    named.device->reset();
  }
}

device::State save_all(const NamedDevices& devices) {
  device::State tree = device::State::object();
  for (const NamedDevice& named : devices) {
    const std::lock_guard lock(*named.lock);
    tree[named.name] = named.device->save();
  }
  return tree;
}

Result<> restore_all(const NamedDevices& devices, const device::State& state) {
  if (!state.is_object() || state.size() != devices.size()) {
    return fail(format("saved state: it is for another set of devices than this machine's {}",
                       devices.size()));
  }
  for (const NamedDevice& named : devices) {
    const auto saved = state.find(named.name);
    if (saved == state.end()) {
      return fail(format("saved state: device {} is missing; configure the machine as it was saved",
                         named.name));
    }
    const std::lock_guard lock(*named.lock);
    const auto restored = named.device->restore(*saved);
    if (!restored) return fail(restored.error().context(named.name));
  }
  return {};
}

}  // namespace orrery::machine
