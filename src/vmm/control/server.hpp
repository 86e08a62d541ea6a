// `--control PATH`: a Unix socket through which the VM's owner, and nobody else of the host, tells
// the VM what to do. Clients are served side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/error.hpp"
#include "base/event_loop.hpp"
#include "base/file_descriptor.hpp"
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
  struct Client;

  Server(EventLoop& loop, Target& target, std::string path, FileDescriptor listener);
  void accept_some();
  void welcome(FileDescriptor socket);
  void farewell(std::uint64_t number);

  EventLoop& loop_;
  Target& target_;
  const std::string path_;
  FileDescriptor listener_;
  std::unique_ptr<Watch> watch_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::uint64_t last_number_ = 0;
  // Work that was posted and finds the server gone does nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace orrery::vmm::control
