#include "storage/nbd/server.hpp"

#include <utility>

#include "base/assert.hpp"
#include "base/format.hpp"

namespace orrery::storage::nbd {

Server::~Server() {
  ORRERY_ASSERT(clients_ == nullptr || clients_->clients() == 0);
}

Result<std::unique_ptr<Server>> Server::create(EventLoop& loop, Catalogue& catalogue,
                                               FileDescriptor listener) {
  std::unique_ptr<Server> server(new Server());
  ORRERY_TRY(server->clients_, SessionServer<Session>::create(
                                   loop, std::move(listener), {"NBD server", kMostClients},
                                   [&loop, &catalogue](SocketStream& stream, std::uint64_t number) {
                                     return std::make_unique<Session>(loop, stream, catalogue,
                                                                      format("{}", number));
                                   }));
  server->clients_->on_farewell([raw = server.get()](const Session& session) {
    raw->served_ |= session.has_reached_transmission();
  });
  return server;
}

void Server::on_empty(std::function<void(bool served)> empty) {
  if (!empty) return clients_->on_empty(nullptr);
  clients_->on_empty([this, empty = std::move(empty)] { empty(std::exchange(served_, false)); });
}

void Server::stop() {
  clients_->stop([](Session& session) { session.stop(); });
}

void Server::drop_clients() {
  stop();
  clients_->drop_clients();
}

}  // namespace orrery::storage::nbd
