// One VM's process, `orrery run`: launched or found again, told what to do, and watched until it
// ends. It is nobody's child that matters: it lives on when its agent does not. On the loop's
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "cluster/host/console_relay.hpp"
#include "cluster/host/control_link.hpp"
#include "cluster/host/reconcile/reconciler.hpp"
#include "cluster/host/vm_folder.hpp"

namespace orrery::cluster::host {

class VmProcess {
 public:
  struct Listener {
    // What runs in it; then that it does.
    std::function<void(const GuestFacts& guest)> seen;
    std::function<void(Reconciler::Clock clock)> running;
    // The last call; it may destroy the process's object.
    std::function<void(bool failed, const std::string& detail)> ended;
  };

  VmProcess(EventLoop& loop, VmFolder folder, Listener listener);
  ~VmProcess();

  // Starts PROGRAM with `run` and OPTIONS in WORKING_FOLDER; the folder is prepared, and LOCK is
  // its lock.
  Result<> launch(const std::string& program, const std::vector<std::string>& options,
                  const std::string& working_folder, FileDescriptor lock);
  // Looks after the process that has the folder's lock.
  void adopt();

  // A command of the control socket that is answered at once, or by running().
  void tell(const std::string& command);
  // What it has used; TAKEN is called later, unless it ends before, or still owes the last answer.
  void measure(std::function<void(const nlohmann::json& figures)> taken);
  // Its device models may have gone elsewhere by themselves: seen() tells.
  void look_at_models();
  // As when the plug is pulled; also one that does not answer.
  void end_at_once();

  // Once the VM is heard of; nullptr before.
  ConsoleRelay* console() { return console_.get(); }

 private:
  void look();
  void connect();
  void ask_status();
  void take_status(const Result<nlohmann::json>& answer);
  bool has_ended();
  void finish();
  void look_after(std::chrono::milliseconds time);

  EventLoop& loop_;
  const VmFolder folder_;
  const Listener listener_;
  pid_t process_ = -1;  // where it was launched here
  bool end_wanted_ = false;
  bool measuring_ = false;  // it has been asked, and has not answered
  bool looking_ = false;    // so here
  bool has_remote_models_ = false;
  std::chrono::milliseconds pause_;
  std::unique_ptr<ControlLink> control_;
  std::unique_ptr<ConsoleRelay> console_;
  std::unique_ptr<LoopTimer> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::cluster::host
