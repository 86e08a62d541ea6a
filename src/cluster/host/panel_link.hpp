// The agent's end of its WebSocket to the panel: connects, and again whenever it breaks. On the
// loop's thread.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/connecting_socket.hpp"
#include "cluster/link/message.hpp"
#include "http/client.hpp"

namespace orrery::cluster::host {

class PanelLink {
 public:
  struct Options {
    std::vector<TcpServer> panels;  // the same control panel's; any will do
    std::string platform;
    std::string secret;  // the agent's
    PlatformFacts facts;
  };
  struct Listener {
    std::function<void()> connected;
    std::function<void(link::Message message)> taken;
    std::function<void()> beaten;  // the panel has just been told that the agent is there
  };

  PanelLink(EventLoop& loop, Options options, Listener listener);

  // Until stop(). The link outlives it.
  Task<Result<>> run();
  void stop();

  // Which panel it speaks with, or tries next.
  const TcpServer& panel() const { return client_.server(); }

  // Dropped where there is no connection: whoever connects tells all anyway.
  void send(link::Message message);

 private:
  Task<Result<>> speak();
  Task<Result<>> receive_all(http::WebSocket& socket);
  Task<Result<>> send_all(http::WebSocket& socket);
  Task<bool> put(http::WebSocket& socket, link::Message message);
  Task<bool> shake_hands(http::WebSocket& socket);
  Task<bool> pause();
  void beat();
  void close_connection();

  EventLoop& loop_;
  const Options options_;
  const Listener listener_;
  http::Client client_;
  // While there is one. Shared with who closes it, which ends the task that lets it go.
  std::shared_ptr<http::ClientSocket> connection_;
  std::deque<link::Message> waiting_;
  Changed changed_;
  bool stopped_ = false;
  bool ended_ = false;  // of this connection
  std::string told_;    // the last reason why there is none
  std::chrono::milliseconds pause_{0};
  std::chrono::milliseconds beat_every_{0};
  std::unique_ptr<LoopTimer> beat_;
  std::unique_ptr<LoopTimer> silence_;
};

// What every request of an agent or a user begins with.
http::Ask ask_for(http::Method method, std::string target, const std::string& token);

}  // namespace orrery::cluster::host
