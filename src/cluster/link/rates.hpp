// Rates out of counters: between two of a VM's figures.
#pragma once

#include <optional>

#include "base/types.hpp"
#include "cluster/link/figures.hpp"

namespace orrery::cluster::link {

struct Flow {
  double in = 0;   // bytes a second: read, or received by the guest
  double out = 0;  // written, or sent

  double both() const { return in + out; }
};

struct Rates {
  double processors = 0;  // that were busy: 0 to the number of the VM's threads
  Bytes resident;         // memory of its host
  Flow disk;              // of all its disks
  Flow network;           // of all its network cards
};

// Nothing: there is no rate between these two, as the VM was started anew, or no time has passed.
std::optional<Rates> rates_between(const VmFigures& before, const VmFigures& now);

}  // namespace orrery::cluster::link
