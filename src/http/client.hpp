// A client of a server that speaks HTTP, or of several of which any will do: one connection, kept
// open from one request to the next. On the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/connecting_socket.hpp"
#include "base/sockets/stream.hpp"
#include "http/answer.hpp"
#include "http/request.hpp"
#include "http/web_socket/web_socket.hpp"

namespace orrery::http {

struct Ask {
  Method method = Method::kGet;
  std::string target;      // path and query, encoded
  Request::Pairs headers;  // besides Host and Content-Length
  std::string body;
  std::uint64_t most = 64_MiB;  // bytes of the answer's body
};

// A connection that speaks WebSocket.
class ClientSocket {
 public:
  ClientSocket(std::shared_ptr<Stream> stream, ByteSpan begun)
      : stream_(std::move(stream)), socket_(*stream_, WebSocket::Role::kClient, begun) {}
  WebSocket& socket() { return socket_; }
  WebSocket* operator->() { return &socket_; }

 private:
  const std::shared_ptr<Stream> stream_;
  WebSocket socket_;
};

class Client {
 public:
  struct Times {
    // Three attempts of TCP to be heard: after 1 and 3 seconds.
    std::chrono::milliseconds connect{5'000};
    // From a request's first byte to the last of its answer.
    std::chrono::milliseconds answer{30'000};
  };

  // The loop outlives it; it is not destroyed within one of its tasks. SERVERS: one at least. They
  // are tried in turn, beginning with the one that has answered last.
  Client(EventLoop& loop, std::vector<TcpServer> servers, Times times);
  ~Client();

  // Connects where that is needed. One at a time. An error: nobody answers, or what comes is not a
  // whole answer; the next one begins with a new connection. A request may have been carried out
  // although its answer is an error.
  Task<Result<Answer>> ask(Ask ask);

  // Begins to speak WebSocket at ASK's target, on a connection of its own. An error: no connection,
  // or another status than 101, with what the server said.
  Task<Result<std::unique_ptr<ClientSocket>>> open(Ask ask);

  // The one that has answered last, or is asked next.
  const TcpServer& server() const { return servers_[present_]; }
  // The next connection goes to another one, where there is one.
  void try_another() { present_ = (present_ + 1) % servers_.size(); }

  // Whoever waits is told that the connection has broken.
  void close();

 private:
  Task<Result<std::shared_ptr<Stream>>> connect();
  Task<Result<std::shared_ptr<Stream>>> connect_to(const TcpServer& server);
  Task<Result<Answer>> exchange(Stream& stream, const Ask& ask, std::vector<std::byte>& rest);

  EventLoop& loop_;
  const std::vector<TcpServer> servers_;
  std::size_t present_ = 0;  // into servers_
  const Times times_;
  // Shared with who closes it, which ends a task that then lets it go.
  std::shared_ptr<Stream> kept_;
  std::shared_ptr<Stream> active_;  // of the request under way
  bool timed_out_ = false;
  std::unique_ptr<LoopTimer> timer_;
};

}  // namespace orrery::http
