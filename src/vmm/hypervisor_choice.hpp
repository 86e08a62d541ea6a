// Which hypervisor executes the guest.
#pragma once

#include <string>

#include "base/error.hpp"
#include "machine/machine.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::vmm::hypervisor_choice {

struct Choice {
  machine::HypervisorFactory make;
  std::string explanation;  // what was chosen and why, for --verbose and doctor
  bool on_kvm = false;
};

// `auto` takes KVM where a probe guest runs on it at hardware speed, and Orrery's translator
// everywhere else. An engine that was asked for by name is taken or refused, never replaced.
Result<Choice> choose(const Configuration& configuration);

}  // namespace orrery::vmm::hypervisor_choice
