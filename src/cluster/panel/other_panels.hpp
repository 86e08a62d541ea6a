// Users who want what only another panel can give, as the agent in question is connected to that
// one: they are passed on to it. Private to cluster/panel/; on the loop's thread.
#pragma once

#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/connecting_socket.hpp"
#include "http/reply.hpp"
#include "http/request.hpp"

namespace orrery::cluster {

class OtherPanels {
 public:
  // The loop outlives it.
  explicit OtherPanels(EventLoop& loop) : loop_(loop) {}

  // Whether another panel has passed REQUEST on already; none passes it on again.
  static bool passed(const http::Request& request);

  // Answers a request to speak WebSocket as PANEL does, which looks again at who asks; then
  // messages pass both ways.
  Task<http::Reply> pass(const http::Request& request, TcpServer panel);

 private:
  EventLoop& loop_;
};

}  // namespace orrery::cluster
