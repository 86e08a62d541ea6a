// Whether the host's KVM is worth using: found out by running a guest on it and timing it, because
// a /dev/kvm without hardware behind it creates VMs happily and then emulates every instruction of
// their kernels.
#pragma once

#include <cstdint>

#include "base/error.hpp"

namespace orrery::hypervisor::kvm {

struct Probe {
  double ring0_mips = 0;  // million ring-0 instructions a second

  // Below this our own engine is the better choice. Hardware runs the probe at thousands, emulators
  // at 1 or 2.
  static constexpr double kUsableMips = 50;
  bool usable() const { return ring0_mips >= kUsableMips; }
};

// Runs the probe guest: some milliseconds at worst. Fails where KVM does not work at all, and says
// why.
Result<Probe> probe();

}  // namespace orrery::hypervisor::kvm
