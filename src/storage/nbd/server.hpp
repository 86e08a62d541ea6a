// An NBD server: clients of a listening socket, each served what the catalogue has (doc/proto.md of
// github.com/NetworkBlockDevice/nbd). All on the I/O loop's thread.
//
// No client waits for another: each has its own tasks, and its own share of memory (limits.hpp).
// There is no encryption and no authentication: whoever can connect can use every export.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/sockets/session_server.hpp"
#include "storage/nbd/catalogue.hpp"
#include "storage/nbd/session.hpp"

namespace orrery::storage::nbd {

class Server {
 public:
  // Clients at the same time; further ones wait to be accepted. Each holds 8 MiB at most, so this
  // is half a GiB.
  static constexpr std::size_t kMostClients = 64;
  static constexpr int kBacklog = 128;

  // LISTENER: non-blocking (base/listening_socket.hpp). CATALOGUE outlives the server.
  static Result<std::unique_ptr<Server>> create(EventLoop& loop, Catalogue& catalogue,
                                                FileDescriptor listener);
  // Only where no client is left.
  ~Server();

  // Called each time that the last client has gone; SERVED: of those since there was none, one has
  // used an export.
  void on_empty(std::function<void(bool served)> empty);
  std::size_t clients() const { return clients_->clients(); }

  // Takes no more clients and no more requests. Requests under way finish and are answered, for 11
  // seconds at most where a client does not take its replies; then on_empty() is called, also where
  // there was no client.
  void stop();
  // Like stop(), without answers.
  void drop_clients();

 private:
  Server() = default;

  std::unique_ptr<SessionServer<Session>> clients_;
  bool served_ = false;  // since there was no client
};

}  // namespace orrery::storage::nbd
