#include "store/serve/server.hpp"

#include <cerrno>
#include <utility>

#include "base/assert.hpp"
#include "base/listening_socket.hpp"
#include "base/log.hpp"
#include "base/socket_stream.hpp"
#include "store/serve/session.hpp"

namespace orrery::store::serve {

struct Server::Client {
  Client(const Session::Surroundings& surroundings, std::unique_ptr<SocketStream> connected)
      : stream(std::move(connected)), session(surroundings, *stream) {}

  std::unique_ptr<SocketStream> stream;
  Session session;
  Task<Result<>> task;
};

Server::Server(EventLoop& loop, std::unique_ptr<Store> store, FileDescriptor listener,
               const Limits& limits)
    : loop_(loop),
      limits_(limits),
      library_(std::move(store)),
      workers_(processors()),
      listener_(std::move(listener)),
      retry_(loop.create_timer([this] { watch_->resume(); })) {}

Server::~Server() {
  ORRERY_ASSERT(clients_.empty());
}

Result<std::unique_ptr<Server>> Server::create(EventLoop& loop, std::unique_ptr<Store> store,
                                               FileDescriptor listener, const Limits& limits) {
  std::unique_ptr<Server> server(new Server(loop, std::move(store), std::move(listener), limits));
  ORRERY_TRY(server->watch_, loop.watch(server->listener_.get(), Readiness::kReadable,
                                        [raw = server.get()] { raw->accept_some(); }));
  return server;
}

void Server::accept_some() {
  while (clients_.size() < limits_.clients) {
    FileDescriptor socket = accept_client(listener_.get());
    if (socket) {
      welcome(std::move(socket));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    log::warning("store server: cannot accept a client ({}); trying again in a second",
                 Error::from_errno("accept").message());
    watch_->pause();
    retry_->arm(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    return;
  }
  watch_->pause();  // until one goes
}

void Server::welcome(FileDescriptor socket) {
  auto stream = SocketStream::create(loop_, std::move(socket));
  if (!stream) return log::warning("store server: a client: {}", stream.error().message());
  const std::uint64_t number = ++last_number_;
  const Session::Surroundings surroundings{loop_, library_, workers_, limits_};
  auto owned = std::make_unique<Client>(surroundings, std::move(*stream));
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
  clients_.erase(number);
  if (!stopping_) watch_->resume();
  tell_if_empty();
}

void Server::tell_if_empty() {
  if (clients_.empty() && empty_) std::exchange(empty_, nullptr)();
}

void Server::stop(std::function<void()> empty) {
  empty_ = std::move(empty);
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
  for (const auto& [number, client] : clients_) client->stream->close();
}

}  // namespace orrery::store::serve
