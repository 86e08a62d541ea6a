#include "store/serve/server.hpp"

#include <utility>

#include "base/assert.hpp"

namespace orrery::store::serve {

Server::Server(EventLoop& loop, std::unique_ptr<Store> store, const Limits& limits)
    : loop_(loop), limits_(limits), library_(std::move(store)), workers_(processors()) {}

Server::~Server() {
  ORRERY_ASSERT(clients_ == nullptr || clients_->clients() == 0);
}

Result<std::unique_ptr<Server>> Server::create(EventLoop& loop, std::unique_ptr<Store> store,
                                               FileDescriptor listener, const Limits& limits) {
  std::unique_ptr<Server> server(new Server(loop, std::move(store), limits));
  ORRERY_TRY(server->clients_, SessionServer<Session>::create(
                                   loop, std::move(listener), {"store server", limits.clients},
                                   [raw = server.get()](SocketStream& stream, std::uint64_t) {
                                     return std::make_unique<Session>(
                                         Session::Surroundings{raw->loop_, raw->library_,
                                                               raw->workers_, raw->limits_},
                                         stream);
                                   }));
  return server;
}

void Server::stop(std::function<void()> empty) {
  clients_->on_empty([empty = std::move(empty)]() mutable {
    if (empty) std::exchange(empty, nullptr)();
  });
  clients_->stop([](Session& session) { session.stop(); });
}

}  // namespace orrery::store::serve
