// A client's connected socket as a Stream.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "base/sockets/stream.hpp"

namespace orrery {

class SocketStream final : public Stream {
 public:
  // Whether open files that a client sends are taken: at most two messages' until somebody asks.
  enum class Descriptors : std::uint8_t { kRefused, kTaken };

  static Result<std::unique_ptr<SocketStream>> create(
      EventLoop& loop, FileDescriptor socket, Descriptors descriptors = Descriptors::kRefused);

  Task<std::size_t> receive(MutableByteSpan to) override;
  Task<std::size_t> send(std::span<const iovec> from) override;
  std::vector<FileDescriptor> take_descriptors() override { return std::exchange(files_, {}); }
  void stop_receiving() override;
  Task<Result<>> linger() override;
  void close() override;

 private:
  // One direction of the socket, for one task that waits for it.
  class Direction {
   public:
    Result<> watch(EventLoop& loop, int socket, Readiness readiness);
    void wake();
    auto ready() {
      struct Awaiter {
        Direction& direction;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> handle) {
          direction.waiting_ = handle;
          direction.watch_->resume();
        }
        void await_resume() const noexcept {}
      };
      return Awaiter{*this};
    }

   private:
    std::coroutine_handle<> waiting_;
    std::unique_ptr<Watch> watch_;
  };

  SocketStream(FileDescriptor socket, Descriptors descriptors)
      : socket_(std::move(socket)), descriptors_(descriptors) {}
  ssize_t receive_now(MutableByteSpan to);

  FileDescriptor socket_;
  const Descriptors descriptors_;
  std::vector<FileDescriptor> files_;
  Direction incoming_;
  Direction outgoing_;
  bool drained_ = false;  // the last call took all there was
  bool stopped_ = false;  // nothing is received any more
  bool closed_ = false;
};

}  // namespace orrery
