// The device models that a VM uses on other hosts, by server.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/event_loop.hpp"
#include "remote/client/remote_server.hpp"
#include "remote/tls/credentials.hpp"
#include "vmm/configuration.hpp"

namespace orrery::vmm {

// On the machine's thread, while the loop does not run.
class RemoteDevices {
 public:
  // Once, before the rest. CERTIFICATE: a file. The loop outlives this.
  Result<> use(EventLoop& loop, const std::string& certificate, bool on_kvm);

  // Waits for the server. The model's use ends before this does.
  Result<std::unique_ptr<remote::RemoteModel>> open(const RemoteDeviceOptions& options);

  // Tells the servers that the VM has ended.
  void close();

 private:
  EventLoop* loop_ = nullptr;
  std::optional<remote::tls::Credentials> credentials_;
  remote::ToVm vm_;
  std::map<std::string, std::unique_ptr<remote::RemoteServer>> servers_;  // by host and port
};

}  // namespace orrery::vmm
