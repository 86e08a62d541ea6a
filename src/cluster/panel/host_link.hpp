// The panel's end of one agent's WebSocket: takes reports and renews the lease, tells what the
// platform owns whenever that changes. Private to cluster/panel/; on the loop's thread.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "cluster/link/message.hpp"
#include "cluster/panel/gauges.hpp"
#include "cluster/panel/surroundings.hpp"
#include "http/web_socket/web_socket.hpp"

namespace orrery::cluster {

class HostLink {
 public:
  // GAUGES and SOCKET outlive it.
  HostLink(const PanelSurroundings& surroundings, Gauges& gauges, std::string platform,
           http::WebSocket& socket);

  // The agent's first message; false: it is none that is understood here.
  Task<bool> shake_hands();
  // Until the agent goes, or nothing is heard of it.
  Task<Result<>> serve();

  const std::string& platform() const { return platform_; }
  // What the platform owns may have changed.
  void wake();
  void send(link::Message message);
  void close() { socket_.close(); }

 private:
  Task<Result<>> receive_all();
  Task<Result<>> send_all();
  Task<bool> take(link::Message message);
  Task<bool> take_report(link::Report report);
  Task<bool> renew();
  Task<bool> greet();
  Task<bool> tell_owned();
  Task<bool> put(link::Message message);
  void heard();

  const PanelSurroundings surroundings_;
  Gauges& gauges_;
  const std::string platform_;
  http::WebSocket& socket_;
  PlatformFacts facts_;
  std::deque<link::Message> waiting_;
  std::string told_;  // what it owns, as it was told last
  bool owned_changed_ = true;
  bool ended_ = false;
  Changed changed_;
  std::unique_ptr<LoopTimer> silence_;
};

}  // namespace orrery::cluster
