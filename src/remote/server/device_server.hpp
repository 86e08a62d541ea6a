// The device models of this server, and the VMs that use them. On the loop's thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "device/virtio/model.hpp"
#include "remote/link/server_link.hpp"
#include "remote/server/forwarded_model.hpp"
#include "remote/server/hosted_device.hpp"
#include "remote/server/hosted_model.hpp"

namespace orrery::remote {

class DeviceServer {
 public:
  explicit DeviceServer(EventLoop& loop) : loop_(loop) {}

  // A model that VMs may open by NAME. Its ports outlive the server, and are drained before it
  // goes.
  void add(std::string name, std::unique_ptr<device::virtio::Model> model);

  // A device with registers, of which VMs are told REGISTERS.
  void add(std::string name, const MakeDevice& make, RegisterInterface registers);

  // A model that is there only while a VM has it, so that in between another server may have what
  // stands behind it. Both may run the loop until they are done.
  struct OnUse {
    std::function<Result<std::unique_ptr<device::virtio::Model>>()> make;
    // The model is destroyed, and had nothing under way.
    std::function<void()> finish;
  };
  void add(std::string name, OnUse on_use);

  // A model that is on another server, to which what VMs want of it is forwarded.
  void add(std::string name, Route route);

  // Whether nobody has a model, and no requests are under way any more.
  bool is_idle() const;

  // For Listener: serves one VM's session. The server outlives its sessions.
  Result<std::unique_ptr<SessionService>> serve(ServerLink& link);

 private:
  class Service;
  struct Slot {
    DeviceId id;
    std::string name;
    std::optional<Route> route;      // it is there
    OnUse on_use;                    // empty: `hosted` is always there
    std::unique_ptr<Hosted> hosted;  // none: nobody has it
    bool changing = false;           // is being made, or finished
  };

  Slot& add_slot(std::string name);
  Slot* find(std::string_view name);
  Hosted* find(DeviceId id);
  Result<> make(Slot& slot);
  void finish(Slot& slot);
  void one_by_one(std::function<void()> work);
  void run_next();

  EventLoop& loop_;
  std::vector<std::unique_ptr<Slot>> slots_;
  // Works that may run the loop: never one within another.
  std::deque<std::function<void()>> works_;
  bool working_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::remote
