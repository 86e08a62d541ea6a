// `--control PATH`: a Unix socket through which the VM's owner, and nobody else of the host, tells
// the VM what to do. Clients are served side by side.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "base/sockets/session_server.hpp"
#include "vmm/control/session.hpp"
#include "vmm/control/target.hpp"

namespace orrery::vmm::control {

class Server {
 public:
  // Further clients wait to be accepted.
  static constexpr std::size_t kMostClients = 16;

  // Loop and target outlive the server. On the loop's thread, or while the loop is not running.
  static Result<std::unique_ptr<Server>> create(EventLoop& loop, Target& target,
                                                const std::string& path);
  // Clients are cut off, in the middle of a request if need be, and the socket file is removed.
  ~Server();

 private:
  Server(std::string path, std::unique_ptr<SessionServer<Session>> clients);

  const std::string path_;
  std::unique_ptr<SessionServer<Session>> clients_;
};

}  // namespace orrery::vmm::control
