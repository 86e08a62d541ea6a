// What an agent knows of a VM of its platform, and keeps on disk for the agent that comes after it.
#pragma once

#include <cstdint>
#include <optional>
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
  std::uint64_t moves = 0;     // the last device model's move that came to its end
  std::string not_moved;       // why that was not done; empty: it was
  // What was seen in its process, which the next agent finds out anew; nothing: not yet.
  std::optional<GuestFacts> guest;
};
Json to_json(const LocalVm& vm);
LocalVm local_vm_of(const Json& json);

}  // namespace orrery::cluster::host
