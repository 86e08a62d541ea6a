// The device models that a VM uses on other hosts, by server.
//
// They have a loop and a thread of their own: a vCPU waits for the answers of devices with
// registers, and the VM's loop waits for vCPUs where it pauses them.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "vmm/control/target.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::machine {
class Machine;
}

namespace orrery::remote {
class RemoteDevice;
class RemoteModels;
}  // namespace orrery::remote

namespace orrery::vmm {

// On the machine's thread, while the loop does not run.
class RemoteDevices {
 public:
  RemoteDevices();
  ~RemoteDevices();

  // Once, before the rest. LOOP: the VM's; outlives this.
  Result<> use(EventLoop& loop, const Configuration& configuration, bool on_kvm);

  // Waits for the server, and puts what it gives into the machine, whose use ends before this
  // does. Before start().
  Result<> open(const RemoteDeviceOptions& options, machine::Machine& machine);
  // Whether a serial port, or the keyboard controller, is on a server.
  bool has(std::string_view device) const { return placed_.contains(device); }

  // From here on answers come; until stop().
  void start();
  void stop();

  // While the VM's loop runs, on its thread. DONE: see control::Target; called there.
  void move(const std::string& name, const std::string& server,
            std::function<void(const Result<>&)> done);
  std::vector<control::RemoteDeviceStatus> status() const;
  // Pauses the machine. An error, and the machine runs on: a vCPU waits for a device that is not
  // found. Not on the thread of this.
  Result<> pause(machine::Machine& machine) const;

  // Tells the servers that the VM has ended. Behind stop().
  void close();

 private:
  Result<> place(std::unique_ptr<remote::RemoteDevice> device, machine::Machine& machine);
  void call(const std::function<void()>& work) const;

  EventLoop* vm_loop_ = nullptr;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<remote::RemoteModels> models_;  // none before use()
  std::set<std::string, std::less<>> placed_;     // devices of the machine that are elsewhere
  std::thread thread_;
};

}  // namespace orrery::vmm
