// The clients of a listening socket, each with a stream and a session over it that is a task of its
// own, so that none waits for another. On the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/acceptor.hpp"
#include "base/sockets/socket_stream.hpp"

namespace orrery {

// A Session has `Task<Result<>> serve()`, which ends when the client has gone.
template <typename Session>
class SessionServer {
 public:
  // The session of client NUMBER, from 1; the stream outlives it.
  using Make = std::function<std::unique_ptr<Session>(SocketStream& stream, std::uint64_t number)>;
  struct Options {
    std::string name;  // for the log
    std::size_t most_clients;
    SocketStream::Descriptors descriptors = SocketStream::Descriptors::kRefused;
  };

  // LISTENER: non-blocking (base/listening_socket.hpp).
  static Result<std::unique_ptr<SessionServer>> create(EventLoop& loop, FileDescriptor listener,
                                                       Options options, Make make) {
    std::unique_ptr<SessionServer> server(
        new SessionServer(loop, std::move(make), options.descriptors));
    ORRERY_TRY(server->acceptor_,
               Acceptor::create(loop, std::move(listener), std::move(options.name),
                                options.most_clients, [raw = server.get()](FileDescriptor client) {
                                  return raw->welcome(std::move(client));
                                }));
    return server;
  }

  // Called when a session's task is done, before the session is destroyed.
  void on_farewell(std::function<void(Session&)> farewell) { farewell_ = std::move(farewell); }
  // Called whenever the last client has gone, and once after stop().
  void on_empty(std::function<void()> empty) { empty_ = std::move(empty); }

  std::size_t clients() const { return clients_.size(); }

  // Takes no more clients and calls STOP for each session there is.
  void stop(const std::function<void(Session&)>& stop) {
    if (acceptor_ == nullptr) return;
    acceptor_.reset();
    for (const auto& [number, client] : clients_) stop(*client->session);
    post([this] { tell_if_empty(); });
  }
  // Closes all connections, in the middle of whatever they do.
  void drop_clients() {
    for (const auto& [number, client] : clients_) client->stream->close();
  }

 private:
  // The task goes before what it uses.
  struct Client {
    std::unique_ptr<SocketStream> stream;
    std::unique_ptr<Session> session;
    Task<Result<>> task;
  };

  SessionServer(EventLoop& loop, Make make, SocketStream::Descriptors descriptors)
      : loop_(loop), make_(std::move(make)), descriptors_(descriptors) {}

  Result<> welcome(FileDescriptor socket) {
    ORRERY_TRY(auto stream, SocketStream::create(loop_, std::move(socket), descriptors_));
    const std::uint64_t number = ++last_number_;
    auto session = make_(*stream, number);
    const auto [place, is_new] = clients_.emplace(
        number, std::make_unique<Client>(Client{std::move(stream), std::move(session), {}}));
    Client& client = *place->second;
    client.task = client.session->serve();
    client.task.start([this, number] { post([this, number] { farewell(number); }); });
    return {};
  }

  void farewell(std::uint64_t number) {
    const auto gone = clients_.find(number);
    if (farewell_) farewell_(*gone->second->session);
    clients_.erase(gone);
    if (acceptor_ != nullptr) acceptor_->farewell();
    tell_if_empty();
  }

  void tell_if_empty() {
    if (clients_.empty() && empty_) empty_();
  }

  // What finds the server gone is not called.
  void post(std::function<void()> work) {
    loop_.post([work = std::move(work), alive = std::weak_ptr(alive_)] {
      if (alive.lock()) work();
    });
  }

  EventLoop& loop_;
  const Make make_;
  const SocketStream::Descriptors descriptors_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::unique_ptr<Acceptor> acceptor_;  // none: stopped
  std::uint64_t last_number_ = 0;
  std::function<void(Session&)> farewell_;
  std::function<void()> empty_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery
