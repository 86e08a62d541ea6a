#include "storage/nbd/server.hpp"

#include <cerrno>

#include "base/assert.hpp"
#include "base/format.hpp"
#include "base/listening_socket.hpp"
#include "base/log.hpp"
#include "base/socket_stream.hpp"
#include "storage/nbd/session.hpp"

namespace orrery::storage::nbd {

struct Server::Client {
  Client(EventLoop& loop, std::unique_ptr<SocketStream> connected, Catalogue& catalogue,
         std::uint64_t number)
      : stream(std::move(connected)), session(loop, *stream, catalogue, format("{}", number)) {}

  std::unique_ptr<SocketStream> stream;
  Session session;
  Task<Result<>> task;
};

Server::Server(EventLoop& loop, Catalogue& catalogue, FileDescriptor listener)
    : loop_(loop),
      catalogue_(catalogue),
      listener_(std::move(listener)),
      retry_(loop.create_timer([this] { watch_->resume(); })) {}

Server::~Server() {
  ORRERY_ASSERT(clients_.empty());
}

Result<std::unique_ptr<Server>> Server::create(EventLoop& loop, Catalogue& catalogue,
                                               FileDescriptor listener) {
  std::unique_ptr<Server> server(new Server(loop, catalogue, std::move(listener)));
  ORRERY_TRY(server->watch_, loop.watch(server->listener_.get(), Readiness::kReadable,
                                        [raw = server.get()] { raw->accept_some(); }));
  return server;
}

void Server::accept_some() {
  while (clients_.size() < kMostClients) {
    FileDescriptor socket = accept_client(listener_.get());
    if (socket) {
      welcome(std::move(socket));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    log::warning("NBD server: cannot accept a client ({}); trying again in a second",
                 Error::from_errno("accept").message());
    watch_->pause();
    retry_->arm(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    return;
  }
  watch_->pause();  // until one goes
}

void Server::welcome(FileDescriptor socket) {
  auto stream = SocketStream::create(loop_, std::move(socket));
  if (!stream) return log::warning("NBD server: a client: {}", stream.error().message());
  const std::uint64_t number = ++last_number_;
  auto owned = std::make_unique<Client>(loop_, std::move(*stream), catalogue_, number);
  Client& client = *owned;
  clients_.emplace(number, std::move(owned));
  client.task = client.session.serve();
  client.task.start([this, number] {
    loop_.post([this, number, alive = std::weak_ptr(alive_)] {
      if (alive.lock()) farewell(number);
    });
  });
}

void Server::farewell(std::uint64_t number) {
  const auto gone = clients_.find(number);
  ORRERY_ASSERT(gone != clients_.end());
  served_ |= gone->second->session.has_reached_transmission();
  clients_.erase(gone);
  if (!stopping_) watch_->resume();
  tell_if_empty();
}

void Server::tell_if_empty() {
  if (clients_.empty() && empty_) empty_(std::exchange(served_, false));
}

void Server::stop() {
  if (std::exchange(stopping_, true)) return;
  retry_->cancel();
  watch_.reset();
  listener_.reset();
  for (const auto& [number, client] : clients_) client->session.stop();
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) tell_if_empty();
  });
}

void Server::drop_clients() {
  stop();
  for (const auto& [number, client] : clients_) client->stream->close();
}

}  // namespace orrery::storage::nbd
