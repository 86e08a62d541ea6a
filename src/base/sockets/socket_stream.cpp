#include "base/sockets/socket_stream.hpp"

#include <array>
#include <cerrno>

#include <sys/socket.h>

#include "base/sockets/descriptor_passing.hpp"
#include "base/types.hpp"

namespace orrery {
namespace {

bool would_wait(ssize_t result) {
  return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

Result<> SocketStream::Direction::watch(EventLoop& loop, int socket, Readiness readiness) {
  ORRERY_TRY(watch_, loop.watch(socket, readiness, [this] { wake(); }));
  watch_->pause();
  return {};
}

void SocketStream::Direction::wake() {
  watch_->pause();
  if (waiting_) std::exchange(waiting_, nullptr).resume();
}

Result<std::unique_ptr<SocketStream>> SocketStream::create(EventLoop& loop, FileDescriptor socket,
                                                           Descriptors descriptors) {
  std::unique_ptr<SocketStream> stream(new SocketStream(std::move(socket), descriptors));
  const int descriptor = stream->socket_.get();
  // A client whose host has vanished does not hold its place for ever.
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ORRERY_CHECK(stream->incoming_.watch(loop, descriptor, Readiness::kReadable));
  ORRERY_CHECK(stream->outgoing_.watch(loop, descriptor, Readiness::kWritable));
  return stream;
}

// Files beyond what somebody may want are dropped at once: a client does not use up the process's.
ssize_t SocketStream::receive_now(MutableByteSpan to) {
  if (descriptors_ == Descriptors::kRefused) return ::recv(socket_.get(), to.data(), to.size(), 0);
  const ssize_t count = receive_with_descriptors(socket_.get(), to, files_);
  if (files_.size() > 2 * kMostDescriptors) files_.clear();
  return count;
}

Task<std::size_t> SocketStream::receive(MutableByteSpan to) {
  while (!stopped_) {
    if (std::exchange(drained_, false)) {
      co_await incoming_.ready();
      continue;
    }
    const ssize_t count = receive_now(to);
    if (count > 0) {
      drained_ = static_cast<std::size_t>(count) < to.size();
      co_return static_cast<std::size_t>(count);
    }
    if (would_wait(count)) {
      drained_ = true;
    } else if (count == 0 || errno != EINTR) {
      break;
    }
  }
  co_return 0;
}

Task<std::size_t> SocketStream::send(std::span<const iovec> from) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(from.data());
  message.msg_iovlen = from.size();
  while (!closed_) {
    const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (count > 0) co_return static_cast<std::size_t>(count);
    if (would_wait(count)) {
      co_await outgoing_.ready();
    } else if (count == 0 || errno != EINTR) {
      break;
    }
  }
  co_return 0;
}

void SocketStream::stop_receiving() {
  stopped_ = true;
  incoming_.wake();
}

Task<Result<>> SocketStream::linger() {
  std::array<std::byte, 4_KiB> unread;
  ::shutdown(socket_.get(), SHUT_WR);
  stopped_ = closed_;
  for (std::size_t count = 1; count != 0;) count = co_await receive(unread);
  co_return Result<>{};
}

void SocketStream::close() {
  if (std::exchange(closed_, true)) return;
  ::shutdown(socket_.get(), SHUT_RDWR);
  stop_receiving();
  outgoing_.wake();
}

}  // namespace orrery
