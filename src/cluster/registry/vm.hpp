// A virtual machine as the control panel knows it: what it is, what it should do, who owns it, and
// what it was last seen doing.
//
// The owner is the one platform that may run it. Every time a VM gets an owner, its epoch goes up;
// an owner starts a VM once in an epoch. So whoever has an older epoch than the registry knows that
// it has lost the VM, and ends it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/registry/device_model.hpp"
#include "cluster/registry/fields.hpp"
#include "cluster/registry/platform.hpp"

namespace orrery::cluster {

// The options of `orrery run`, by their names without dashes (vmm/options/options.hpp).
using VmOptions = std::map<std::string, std::vector<std::string>>;

// Where it may run.
struct PlacementWish {
  std::string platform = {};                       // this one only
  std::map<std::string, std::string> labels = {};  // platforms that have all of them
  std::string hypervisor = {};                     // "kvm" or "soft"; empty: any
  std::vector<std::string> abilities = {};         // that its hypervisor has to have
  std::string apart = {};  // no two VMs with the same text here share a platform
};

enum class Restart : std::uint8_t { kNever, kOnFailure };

struct VmSpec {
  VmOptions options;
  std::string guest;  // what runs in it, for people
  PlacementWish placement;
  Restart restart = Restart::kNever;
  Resources needs;  // follows from the options
};

enum class Power : std::uint8_t { kOff, kOn };
struct Desired {
  Power power = Power::kOff;
  bool force = false;    // off at once, as when the plug is pulled
  bool suspend = false;  // off with its state kept
  bool paused = false;
  std::uint64_t resets = 0;  // how often the reset button was pressed
};

enum class VmState : std::uint8_t {
  kStopped,   // nobody owns it
  kPending,   // it should run, and no platform can take it yet
  kStarting,  // it has an owner, who has not said yet that it runs
  kRunning,
  kPaused,
  kStopping,    // its power button was pressed
  kFailed,      // it ended as it should not; nobody owns it
  kUnknown,     // its owner has not been heard of
  kSuspending,  // its state is being kept
  kSuspended,   // nobody owns it; its state is kept
};
std::string_view name_of(VmState state);
// `fallback` for names of others.
VmState vm_state_of(std::string_view name, VmState fallback);

struct Vm {
  std::string name;
  std::uint64_t id = 0;  // in I/O packets
  VmSpec spec;
  Desired desired;
  std::string owner;  // a platform's name; empty: nobody
  std::uint64_t epoch = 0;
  std::string last_owner;
  std::string suspended_on;  // the platform that keeps its state; empty: none does
  VmState state = VmState::kStopped;
  std::string detail;              // of the state, for people
  unsigned failures = 0;           // since it last ran well
  std::int64_t not_before = 0;     // when a pending one may be tried; ns since 1970
  std::int64_t created = 0;        // ns since 1970
  GuestFacts guest;                // while it runs, as its owner tells
  std::int64_t running_since = 0;  // in this epoch; ns since 1970; 0: it does not
  DeviceMove move;
};

Json to_json(const VmSpec& spec);
VmSpec spec_of(const Json& json);
Json to_json(const Desired& desired);
Desired desired_of(const Json& json);
Json to_json(const Vm& vm);
Vm vm_of(const Json& json);

}  // namespace orrery::cluster
