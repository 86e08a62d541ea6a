// A store served over HTTP: clients of a listening socket, all on the I/O loop's thread, with
// workers that read the store. docs/formats/store-http.md has what clients may ask for.
//
// No client waits for another, however slowly it reads: each has its own task and piece of memory.
// There is no encryption and no authentication: whoever can connect can read every image.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/sockets/session_server.hpp"
#include "store/serve/library.hpp"
#include "store/serve/limits.hpp"
#include "store/serve/session.hpp"
#include "store/worker_pool.hpp"

namespace orrery::store::serve {

class Server {
 public:
  static constexpr int kBacklog = 128;

  // LISTENER: non-blocking (base/listening_socket.hpp).
  static Result<std::unique_ptr<Server>> create(EventLoop& loop, std::unique_ptr<Store> store,
                                                FileDescriptor listener, const Limits& limits);
  // Only where no client is left.
  ~Server();

  std::size_t clients() const { return clients_->clients(); }

  // Takes no more clients and requests. Answers under way are sent, for Limits::farewell at most;
  // then EMPTY is called on the loop, once.
  void stop(std::function<void()> empty);
  // After stop(): without sending the rest.
  void drop_clients() { clients_->drop_clients(); }

 private:
  Server(EventLoop& loop, std::unique_ptr<Store> store, const Limits& limits);

  EventLoop& loop_;
  const Limits limits_;
  Library library_;
  WorkerPool workers_;
  std::unique_ptr<SessionServer<Session>> clients_;
};

}  // namespace orrery::store::serve
