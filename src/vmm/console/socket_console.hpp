// The console on a listening socket, one client at a time; further ones wait until it leaves. While
// nobody is connected the guest's output is thrown away.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/files/file_descriptor.hpp"
#include "vmm/console/descriptor_console.hpp"

namespace orrery::vmm {

class SocketConsole final : public DescriptorConsole {
 public:
  // ADDRESS is a path (a Unix socket, replaced when it is stale, removed at the end) or
  // tcp:HOST:PORT.
  static Result<std::unique_ptr<SocketConsole>> create(EventLoop& loop, const std::string& address);
  ~SocketConsole() override;

  // Called on the loop when a client has gone.
  void on_hang_up(std::function<void()> hung_up) { hung_up_ = std::move(hung_up); }

 private:
  explicit SocketConsole(EventLoop& loop) : DescriptorConsole(loop) {}
  void input_ended() override { hang_up(); }
  void output_broken() override { hang_up(); }
  void hang_up();
  void accept_client();

  FileDescriptor listener_;
  FileDescriptor client_;
  std::unique_ptr<Watch> listener_watch_;
  std::function<void()> hung_up_;
  std::string path_to_remove_;
};

}  // namespace orrery::vmm
