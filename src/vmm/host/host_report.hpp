// What this host has and lacks for running VMs, with remedies: `orrery doctor`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace orrery::vmm {

struct Finding {
  enum class Grade : std::uint8_t {
    kGood,
    kLimited,  // works, but not as well as it could
    kMissing,  // something that a user may ask for does not work
  };

  std::string subject;
  Grade grade = Grade::kGood;
  std::string text;
  std::string remedy;  // empty where there is nothing to do
};

// Looks at everything; takes some milliseconds (it runs a probe guest on KVM).
std::vector<Finding> examine_host();

}  // namespace orrery::vmm
