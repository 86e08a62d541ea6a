// The device models of this server, and the VMs that use them. On the loop's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "device/virtio/model.hpp"
#include "remote/link/server_link.hpp"
#include "remote/server/hosted_model.hpp"

namespace orrery::remote {

class DeviceServer {
 public:
  explicit DeviceServer(EventLoop& loop) : loop_(loop) {}

  // A model that VMs may open by NAME. Its ports outlive the server, and are drained before it
  // goes.
  void add(std::string name, std::unique_ptr<device::virtio::Model> model);

  // Whether nobody has a model, and no requests are under way any more.
  bool is_idle() const;

  // For Listener: serves one VM's session. The server outlives its sessions.
  Result<std::unique_ptr<SessionService>> serve(ServerLink& link);

 private:
  class Service;
  HostedModel* find(std::string_view name);
  HostedModel* find(DeviceId id);

  EventLoop& loop_;
  std::vector<std::unique_ptr<HostedModel>> models_;
};

}  // namespace orrery::remote
