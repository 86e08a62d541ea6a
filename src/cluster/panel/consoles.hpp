// Consoles of VMs, between the person who uses one and the agent whose VM it is: the agent is asked
// to connect, too, and then bytes pass both ways. Private to cluster/panel/; on the loop's thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "cluster/link/message.hpp"
#include "cluster/panel/host_link.hpp"
#include "http/web_socket/web_socket.hpp"

namespace orrery::cluster {

class Consoles {
 public:
  explicit Consoles(EventLoop& loop) : loop_(loop) {}

  // The user's end. NAME: one that nobody can guess. LINK is used at once only.
  Task<Result<>> use(http::WebSocket& user, HostLink& link, link::OpenConsole open);
  // The agent's end; PLATFORM is whose agent it is.
  Task<Result<>> lend(http::WebSocket& host, std::string platform, std::string name);

 private:
  // One console in use.
  struct Meeting {
    std::string platform;
    http::WebSocket* host = nullptr;  // once the agent has come
    bool over = false;
    Changed changed;
  };

  EventLoop& loop_;
  std::unordered_map<std::string, std::shared_ptr<Meeting>> meetings_;
};

}  // namespace orrery::cluster
