#include "http/server.hpp"

#include <utility>

#include "base/assert.hpp"

namespace orrery::http {

Server::~Server() {
  ORRERY_ASSERT(clients_ == nullptr || clients_->clients() == 0);
}

Result<std::unique_ptr<Server>> Server::create(EventLoop& loop, FileDescriptor listener,
                                               Handler& handler, WorkerPool& workers,
                                               const Options& options) {
  std::unique_ptr<Server> server(new Server(options.limits));
  const Session::Surroundings surroundings{loop, handler, workers, server->limits_};
  ORRERY_TRY(server->clients_,
             SessionServer<Client>::create(
                 loop, std::move(listener), {options.name, options.limits.clients},
                 [surroundings, wrap = options.wrap](SocketStream& socket, std::uint64_t) {
                   return std::make_unique<Client>(surroundings, socket,
                                                   wrap ? wrap(socket) : nullptr);
                 }));
  return server;
}

void Server::stop(std::function<void()> empty) {
  clients_->on_empty([empty = std::move(empty)]() mutable {
    if (empty) std::exchange(empty, nullptr)();
  });
  clients_->stop([](Client& client) { client.stop(); });
}

}  // namespace orrery::http
