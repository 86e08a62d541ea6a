// The device models that a VM uses on other hosts, by server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "vmm/control/target.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::device::virtio {
class Model;
}

namespace orrery::remote {
class RemoteModels;
}

namespace orrery::vmm {

// On the machine's thread, while the loop does not run.
class RemoteDevices {
 public:
  RemoteDevices();
  ~RemoteDevices();

  // Once, before the rest. CERTIFICATE: a file. The loop outlives this.
  Result<> use(EventLoop& loop, const Configuration& configuration, bool on_kvm);

  // Waits for the server. The model's use ends before this does.
  Result<std::unique_ptr<device::virtio::Model>> open(const RemoteDeviceOptions& options);

  // While the loop runs, on its thread. DONE: see control::Target.
  void move(const std::string& name, const std::string& server,
            std::function<void(const Result<>&)> done);
  std::vector<control::RemoteDeviceStatus> status() const;

  // Tells the servers that the VM has ended.
  void close();

 private:
  std::unique_ptr<remote::RemoteModels> models_;  // none before use()
};

}  // namespace orrery::vmm
