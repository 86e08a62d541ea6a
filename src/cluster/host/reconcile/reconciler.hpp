// Makes of what a platform should run what it does run. It knows no process and no network: what
// has to be done is asked of a Machinery, what happened is told to it. On one thread.
//
// The rule that keeps a VM from running twice: a VM is launched when its epoch is higher than any
// that is remembered here, that epoch is remembered first, and one that still runs in an older
// epoch has to end before.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/host/reconcile/local_vm.hpp"
#include "cluster/link/message.hpp"

namespace orrery::cluster::host {

// What is done for it. Calls return at once.
class Machinery {
 public:
  virtual ~Machinery() = default;

  // Remembers VM's state for the next agent, before this returns; an error: it could not be.
  virtual Result<> keep(const LocalVm& vm) = 0;
  // It does not matter any more.
  virtual void forget(const std::string& vm) = 0;

  // Afterwards running(), or ended(), is told.
  enum class Launch : std::uint8_t { kBoot, kResume };
  virtual void launch(const std::string& vm, const VmOptions& options, Launch how) = 0;
  // The state that was kept of it is nobody's any more.
  virtual void discard(const std::string& vm) = 0;

  // To one that runs.
  virtual void press_power(const std::string& vm) = 0;
  virtual void end_at_once(const std::string& vm) = 0;
  virtual void reset(const std::string& vm) = 0;
  virtual void pause(const std::string& vm) = 0;
  virtual void resume(const std::string& vm) = 0;
  // Afterwards ended(), or cannot_suspend(), is told.
  virtual void suspend(const std::string& vm) = 0;
  // Afterwards moved(), or ended(), is told.
  virtual void move_device(const std::string& vm, const DeviceMove& move) = 0;

  // To the panel; may be lost where there is no connection.
  virtual void report(const VmReport& report) = 0;
};

class Reconciler {
 public:
  explicit Reconciler(Machinery& machinery) : machinery_(machinery) {}

  // An agent before this one has left it: it runs, or has ended as LocalVm says.
  void adopt(LocalVm vm);

  // The panel is there: it is told everything, and what it wants is not known yet.
  void connected();
  // What the platform should run, all of it.
  void assign(const std::vector<link::Assignment>& assignments);
  void revoke(const link::Revoke& revoke);

  // Of a VM that was launched or adopted.
  enum class Clock : std::uint8_t { kRuns, kStands };
  void running(const std::string& vm, Clock clock);
  // KEPT: there is state of it, of which it was made or from which it was to go on.
  struct End {
    bool failed = false;
    bool kept = false;
    std::string detail = {};
  };
  void ended(const std::string& vm, const End& end);
  void cannot_suspend(const std::string& vm, const std::string& why);
  // What runs in it; before running(), so that the panel hears of both at once.
  void seen(const std::string& vm, const GuestFacts& guest);
  // WHY_NOT: empty where it was done.
  void moved(const std::string& vm, std::uint64_t number, const std::string& why_not);

  const std::map<std::string, LocalVm>& vms() const { return vms_; }

 private:
  void begin(const link::Assignment& assignment);
  void steer(LocalVm& vm, const link::Assignment& wanted);
  void press(LocalVm& vm, const Desired& desired);
  void keep_or_complain(const LocalVm& vm);
  void report(const LocalVm& vm);
  static VmReport report_of(const LocalVm& vm);
  void forget_unwanted();
  void suspend(const LocalVm& vm);
  void move_device(const LocalVm& vm, const DeviceMove& move);

  Machinery& machinery_;
  std::map<std::string, LocalVm> vms_;
  std::map<std::string, link::Assignment> wanted_;
  bool knows_wanted_ = false;                    // since the panel is there
  std::set<std::string> suspending_;             // VMs whose state is being kept
  std::map<std::string, std::uint64_t> moving_;  // VMs with a device model on its way: which move
};

}  // namespace orrery::cluster::host
