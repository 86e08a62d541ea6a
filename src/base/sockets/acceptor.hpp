// Takes the clients of a listening socket, as many at a time as there is room for. On the loop's
// thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"

namespace orrery {

class Acceptor {
 public:
  // Takes a connected, non-blocking socket; an error turns the client away, and is logged.
  using Welcome = std::function<Result<>(FileDescriptor client)>;

  // LISTENER: non-blocking (base/listening_socket.hpp). Up to MOST clients at a time; others wait
  // to be accepted. NAME: whose clients they are, for the log.
  static Result<std::unique_ptr<Acceptor>> create(EventLoop& loop, FileDescriptor listener,
                                                  std::string name, std::size_t most,
                                                  Welcome welcome);

  // One that has been welcomed has gone.
  void farewell();

 private:
  Acceptor(EventLoop& loop, FileDescriptor listener, std::string name, std::size_t most,
           Welcome welcome);
  void accept_some();

  FileDescriptor listener_;
  const std::string name_;
  const std::size_t most_;
  const Welcome welcome_;
  std::size_t present_ = 0;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<LoopTimer> retry_;
};

}  // namespace orrery
