// The two interests in a socket of a Channel. On the loop's thread. Private to remote/link/.
#pragma once

#include <functional>
#include <memory>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"

namespace orrery::remote {

class WatchedSocket {
 public:
  // READABLE is called while something is there; WRITABLE, once for each want_to_write(), when
  // there is room.
  Result<> watch(EventLoop& loop, int socket, std::function<void()> readable,
                 std::function<void()> writable) {
    ORRERY_TRY(readable_, loop.watch(socket, Readiness::kReadable, std::move(readable)));
    ORRERY_TRY(writable_,
               loop.watch(socket, Readiness::kWritable, [this, writable = std::move(writable)] {
                 writable_->pause();
                 writable();
               }));
    writable_->pause();
    return {};
  }
  void want_to_write() { writable_->resume(); }
  // Before the socket is closed.
  void forget() {
    readable_.reset();
    writable_.reset();
  }

 private:
  std::unique_ptr<Watch> readable_;
  std::unique_ptr<Watch> writable_;
};

}  // namespace orrery::remote
