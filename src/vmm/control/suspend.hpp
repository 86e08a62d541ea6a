// Keeps a VM and ends it: the client's side, for commands and agents.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "snapshot/library.hpp"

namespace orrery::vmm::control {

struct Suspended {
  snapshot::Manifest manifest;
  std::chrono::nanoseconds pause{};  // until its state was saved; it stood from then on
  std::uint64_t copied_pages = 0;    // within the pause
};

// A snapshot NAME in LIBRARY of the VM whose --control is SOCKET, which ends once that is durable:
// so it goes on from it with its own disks, once. Where it fails the VM goes on; where the process
// ends meanwhile the VM may be left paused. Waits, for as long as its memory takes to be written.
Result<Suspended> suspend(const std::string& socket, const snapshot::Library& library,
                          const std::string& name);

}  // namespace orrery::vmm::control
