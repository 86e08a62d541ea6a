// A platform's agent: what the panel wants is made so by processes, each a VM, that live on without
// it. On the loop's thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/loop/worker_pool.hpp"
#include "cluster/host/panel_link.hpp"
#include "cluster/host/reconcile/reconciler.hpp"
#include "cluster/host/vm_process.hpp"

namespace orrery::cluster::host {

class Agent final : private Machinery {
 public:
  struct Options {
    std::string state;  // its folder
    std::vector<std::string>
        files;            // folders whose files VMs may have; the first is where they run
    std::string program;  // `orrery`
    PanelLink::Options link;
  };

  // The loop outlives it.
  Agent(EventLoop& loop, Options options);
  ~Agent() override;

  // Finds what an agent before this one has left.
  Result<> recover();
  // Until stop(); VMs go on afterwards.
  Task<Result<>> run();
  void stop();

 private:
  Result<> keep(const LocalVm& vm) override;
  void forget(const std::string& vm) override;
  void launch(const std::string& vm, const VmOptions& options, Launch how) override;
  void discard(const std::string& vm) override;
  void press_power(const std::string& vm) override { tell(vm, "power-off"); }
  void end_at_once(const std::string& vm) override;
  void reset(const std::string& vm) override { tell(vm, "reset"); }
  void pause(const std::string& vm) override { tell(vm, "pause"); }
  void resume(const std::string& vm) override { tell(vm, "resume"); }
  void suspend(const std::string& vm) override;
  void move_device(const std::string& vm, const DeviceMove& move) override;
  void report(const VmReport& report) override;

  Result<> try_launch(const std::string& vm, const VmOptions& options, Launch how);
  Result<std::vector<std::string>> write_options(const VmFolder& folder,
                                                 const VmOptions& options) const;
  VmProcess& make_process(const std::string& vm);
  void tell(const std::string& vm, const char* command);
  void take(link::Message message);
  void measure_all();
  void look_at_models();
  void process_ended(const std::string& vm, bool failed, const std::string& detail);
  void lend_console(link::OpenConsole open);
  Task<Result<>> speak_console(link::OpenConsole open);
  Task<Result<>> show_console(http::WebSocket& socket, std::string vm);

  EventLoop& loop_;
  const Options options_;
  Reconciler reconciler_;
  PanelLink link_;
  std::map<std::string, std::unique_ptr<VmProcess>> processes_;
  std::vector<std::unique_ptr<VmProcess>> gone_;  // in whose callback this may be
  // Consoles that are lent, each with its connection.
  struct Lent;
  std::map<std::string, std::unique_ptr<Lent>> lent_;
  Changed all_returned_;
  bool stopping_ = false;
  // Work that is posted and finds the agent gone does nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  WorkerPool workers_{2};  // keep the state of VMs; goes first
};

}  // namespace orrery::cluster::host
