// What can be done with virtual machines. All return the VM as it is then.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cluster/registry/edit.hpp"
#include "cluster/registry/registry.hpp"

namespace orrery::cluster {

// What an owner says about a VM.
struct VmReport {
  std::string vm = {};
  std::uint64_t epoch = 0;
  VmState state = VmState::kRunning;     // kStarting, kRunning or kPaused
  bool ended = false;                    // its process has ended, for good in this epoch
  bool failed = false;                   // and not as it should
  bool kept = false;                     // its state was kept, or still is: it can be resumed here
  std::string refused = {};              // it runs: why it cannot be suspended
  std::string detail = {};               // for people: why
  std::optional<GuestFacts> guest = {};  // nothing: not known yet
  std::uint64_t moves = 0;               // the last device model's move that came to its end
  std::string not_moved = {};            // why that was not done; empty: it was
};

// What becomes of a report.
enum class Verdict : std::uint8_t {
  kTaken,
  kNotOwned,  // the VM has another owner or epoch: this process has to end
  kNotKnown,  // nobody knows the VM: it is left alone, for the registry may be the wrong one
};

class Vms {
 public:
  using Done = Outcome<Stored<Vm>>;
  explicit Vms(const Registry& registry) : registry_(registry) {}

  // SPEC's needs are filled in already.
  Done create(const Caller& caller, const std::string& name, const VmSpec& spec);
  // IF_REVISION: only where it is that one. A VM with an owner keeps its spec.
  Done change(const Caller& caller, const std::string& name, const VmSpec& spec,
              std::optional<Revision> if_revision);
  Done remove(const Caller& caller, const std::string& name, std::optional<Revision> if_revision);

  // It gets an owner, or waits for one. A VM that runs already is left alone, and so with the rest:
  // asking twice does no more than asking once.
  Done start(const Caller& caller, const std::string& name);
  enum class Stop : std::uint8_t { kPowerButton, kAtOnce };
  // One that is suspended loses its state, which has to be wished for by kAtOnce.
  Done stop(const Caller& caller, const std::string& name, Stop how);
  // Its platform keeps its state, and it ends; where that cannot be, it goes on.
  Done suspend(const Caller& caller, const std::string& name);
  Done reset(const Caller& caller, const std::string& name);
  Done pause(const Caller& caller, const std::string& name);
  // After a pause, or one that is suspended: then as start(), on the platform that has its state.
  Done resume(const Caller& caller, const std::string& name);
  // Has a device model that is at a server go on at another one, HOST or HOST:PORT. What comes of
  // it is Vm::move.
  Done move_device(const Caller& caller, const std::string& name, const std::string& device,
                   const std::string& server);
  // Takes a VM from an owner that is lost, on the caller's word that it does not run there any
  // more. The owner ends it, should it come back.
  Done release(const Caller& caller, const std::string& name);

  // For a platform's agent.
  Outcome<Verdict> report(const std::string& platform, const VmReport& report);
  // What PLATFORM owns.
  Outcome<std::vector<Vm>> owned_by(const std::string& platform) const;

  // Tries again to place those that wait for it. Returns how many got an owner.
  Outcome<unsigned> place_pending();
  // The platform whose LEASE has ended is lost: what is there is not known.
  Outcome<> lose_sight(const Record& lease);

 private:
  // Changes NAME's VM once; CHANGE says whether there is anything to commit.
  using Change = std::function<Outcome<bool>(Edit& edit, Stored<Vm>& vm)>;
  Done change_once(const Caller& caller, const std::string& name, const Change& change);
  Outcome<bool> begin(Edit& edit, Stored<Vm>& vm) const;
  Outcome<> assign(Edit& edit, Stored<Vm>& vm) const;
  Outcome<> disown(Edit& edit, Stored<Vm>& vm) const;
  Outcome<bool> take_end(Edit& edit, Stored<Vm>& vm, const VmReport& report) const;
  bool take_guest(Edit& edit, Stored<Vm>& vm, const VmReport& report) const;
  static bool take_move(Edit& edit, Stored<Vm>& vm, const VmReport& report);
  static void forget_guest(Vm& vm);
  Outcome<bool> take_refusal(Edit& edit, Stored<Vm>& vm, const VmReport& report) const;
  static Outcome<bool> take_state(Edit& edit, Stored<Vm>& vm, const VmReport& report);
  Outcome<bool> discard(Edit& edit, Stored<Vm>& vm) const;

  const Registry& registry_;
};

}  // namespace orrery::cluster
