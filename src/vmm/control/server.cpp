#include "vmm/control/server.hpp"

#include <utility>

#include <unistd.h>

#include "base/sockets/listening_socket.hpp"

namespace orrery::vmm::control {

Server::Server(std::string path, std::unique_ptr<SessionServer<Session>> clients)
    : path_(std::move(path)), clients_(std::move(clients)) {}

Server::~Server() {
  ::unlink(path_.c_str());
}

Result<std::unique_ptr<Server>> Server::create(EventLoop& loop, Target& target,
                                               const std::string& path) {
  auto listener = listen_unix(path, kMostClients, SocketFile::kOwnersOnly);
  if (!listener) return fail(listener.error().context("--control " + path));
  ORRERY_TRY(auto clients, SessionServer<Session>::create(
                               loop, std::move(*listener),
                               {"control socket", kMostClients, SocketStream::Descriptors::kTaken},
                               [&target](SocketStream& stream, std::uint64_t) {
                                 return std::make_unique<Session>(target, stream);
                               }));
  return std::unique_ptr<Server>(new Server(path, std::move(clients)));
}

}  // namespace orrery::vmm::control
