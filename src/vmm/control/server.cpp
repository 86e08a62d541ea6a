#include "vmm/control/server.hpp"

#include <utility>

#include <unistd.h>

#include "base/listening_socket.hpp"
#include "base/log.hpp"
#include "base/socket_stream.hpp"
#include "vmm/control/session.hpp"

namespace orrery::vmm::control {

// The task goes before what it waits for.
struct Server::Client {
  Client(Target& target, std::unique_ptr<SocketStream> connected)
      : stream(std::move(connected)), session(target, *stream) {}

  std::unique_ptr<SocketStream> stream;
  Session session;
  Task<Result<>> task;
};

Server::Server(EventLoop& loop, Target& target, std::string path, FileDescriptor listener)
    : loop_(loop), target_(target), path_(std::move(path)), listener_(std::move(listener)) {}

Server::~Server() {
  ::unlink(path_.c_str());
}

Result<std::unique_ptr<Server>> Server::create(EventLoop& loop, Target& target,
                                               const std::string& path) {
  auto listener = listen_unix(path, kMostClients, SocketFile::kOwnersOnly);
  if (!listener) return fail(listener.error().context("--control " + path));
  std::unique_ptr<Server> server(new Server(loop, target, path, std::move(*listener)));
  ORRERY_TRY(server->watch_, loop.watch(server->listener_.get(), Readiness::kReadable,
                                        [raw = server.get()] { raw->accept_some(); }));
  return server;
}

void Server::accept_some() {
  while (clients_.size() < kMostClients) {
    FileDescriptor socket = accept_client(listener_.get());
    if (!socket) return;
    welcome(std::move(socket));
  }
  watch_->pause();  // until one goes
}

void Server::welcome(FileDescriptor socket) {
  auto stream = SocketStream::create(loop_, std::move(socket));
  if (!stream) return log::warning("control socket: a client: {}", stream.error().message());
  const std::uint64_t number = ++last_number_;
  auto owned = std::make_unique<Client>(target_, std::move(*stream));
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
  watch_->resume();
}

}  // namespace orrery::vmm::control
