// A device of the machine as pause, save and reset see it: under its name in a saved state, with
// the lock that serializes calls into it.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "device/device.hpp"

namespace orrery::machine {

struct NamedDevice {
  std::string name;  // unique within the machine: "uart16550.0"
  device::Device* device = nullptr;
  std::mutex* lock = nullptr;
};

using NamedDevices = std::vector<NamedDevice>;

void reset_all(const NamedDevices& devices);
device::State save_all(const NamedDevices& devices);
// Refuses a tree that has other devices.
Result<> restore_all(const NamedDevices& devices, const device::State& state);

}  // namespace orrery::machine
