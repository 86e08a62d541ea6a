// What an agent knows of a VM of its platform, and keeps on disk for the agent that comes after it.
#pragma once

#include <cstdint>
#include <string>

#include "cluster/registry/vm.hpp"

namespace orrery::cluster::host {

enum class Phase : std::uint8_t {
  kStarting,  // it was launched, and has not been heard of yet
  kRunning,
  kPaused,
  kEnded,  // for good, in this epoch
};

struct LocalVm {
  std::string name;
  std::uint64_t epoch = 0;
  Phase phase = Phase::kStarting;
  std::uint64_t resets = 0;    // how many of those that were wished for are done
  bool power_pressed = false;  // once is enough: the second time would force it off
  bool failed = false;         // it ended as it should not
  bool kept = false;           // it has ended, and its state is here
  std::string detail;          // why it ended, for people
};
Json to_json(const LocalVm& vm);
LocalVm local_vm_of(const Json& json);

}  // namespace orrery::cluster::host
