// A device model on another server, for one VM that asked here for it: what the VM sends goes
// there, and what comes back goes to the VM, as if the model were here. The VM is told the direct
// way, and takes it when it can. On the loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "remote/link/client_link.hpp"
#include "remote/link/server_link.hpp"

namespace orrery::remote {

// Where the models are that are not here.
struct Route {
  std::string host;  // as in the server's certificate
  TcpServer server;
  tls::Credentials credentials;
};

class ForwardedModel {
 public:
  // VM: the session of who asked, which outlives this. ID: what the model is called here.
  ForwardedModel(EventLoop& loop, const Route& route, ServerLink& vm, DeviceId id);
  ~ForwardedModel();

  void open(const std::string& name, std::uint64_t tag);
  void take(const Command& command);
  void take(const QueueRequest& request, std::uint32_t packet_bytes);
  void take(const IoRequest& request, std::uint32_t packet_bytes);

 private:
  // What waits for credit there, and what came after it.
  struct Waiting {
    std::variant<Command, QueueRequest, IoRequest> packet;
    std::vector<std::byte> data;
  };

  template <typename Request>
  void forward(const Request& request, std::uint32_t packet_bytes);
  ToDevice there() const { return {device_, link_->server(), vm_.vm().vm}; }
  void take(const Packet& packet);
  void take(const Feedback& feedback);
  void take(const QueueResult& result);
  void opened(const Feedback& feedback);
  void send_waiting();
  void answered(std::uint64_t tag);
  void tell_route();
  void lose(const Error& why);

  ServerLink& vm_;
  const DeviceId id_;
  const std::string server_;  // host:port
  DeviceId device_{};         // what it is called there
  std::uint64_t open_tag_ = 0;
  std::map<std::uint64_t, std::uint32_t> under_way_;  // bytes of each request's packet, by its tag
  std::deque<Waiting> waiting_;
  bool told_route_ = false;
  bool lost_ = false;
  std::unique_ptr<ClientLink> link_;  // last: it calls back
};

}  // namespace orrery::remote
