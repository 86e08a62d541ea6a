// The clients of a listening socket, all on the I/O loop's thread, with workers for what takes
// time.
//
// No client waits for another, however slowly it reads: each has its own task and piece of memory.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/loop/worker_pool.hpp"
#include "base/sockets/session_server.hpp"
#include "http/limits.hpp"
#include "http/session.hpp"

namespace orrery::http {

class Server {
 public:
  static constexpr int kBacklog = 128;

  struct Options {
    std::string name;  // for the log
    Limits limits;
    // What is spoken over a client's socket, such as TLS; none: it as it is.
    std::function<std::unique_ptr<Stream>(Stream& socket)> wrap;
  };

  // LISTENER: non-blocking (base/sockets/listening_socket.hpp). Loop, handler and workers outlive
  // it.
  static Result<std::unique_ptr<Server>> create(EventLoop& loop, FileDescriptor listener,
                                                Handler& handler, WorkerPool& workers,
                                                const Options& options);
  // Only where no client is left.
  ~Server();

  std::size_t clients() const { return clients_->clients(); }

  // Takes no more clients and requests. Answers under way are sent, for Limits::farewell at most;
  // then EMPTY is called on the loop, once.
  void stop(std::function<void()> empty);
  // After stop(): without sending the rest.
  void drop_clients() { clients_->drop_clients(); }

 private:
  explicit Server(const Limits& limits) : limits_(limits) {}

  // A session, and what is between it and its socket.
  class Client {
   public:
    Client(const Session::Surroundings& surroundings, Stream& socket,
           std::unique_ptr<Stream> wrapped)
        : wrapped_(std::move(wrapped)),
          session_(surroundings, wrapped_ == nullptr ? socket : *wrapped_) {}
    Task<Result<>> serve() { return session_.serve(); }
    void stop() { session_.stop(); }

   private:
    const std::unique_ptr<Stream> wrapped_;
    Session session_;
  };

  const Limits limits_;
  std::unique_ptr<SessionServer<Client>> clients_;
};

}  // namespace orrery::http
