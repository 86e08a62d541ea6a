#include "store/remote/connection.hpp"

#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/format.hpp"

namespace orrery::store::remote {

Result<std::unique_ptr<Interrupt>> Interrupt::create() {
  FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return fail_errno("eventfd");
  return std::unique_ptr<Interrupt>(new Interrupt(std::move(event)));
}

void Interrupt::raise() const {
  const std::uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}

Result<http::Answer> Connection::get(const Ask& ask) {
  const bool kept = static_cast<bool>(socket_);
  const std::uint64_t before = received_;
  auto answer = exchange(ask);
  if (!answer) socket_.reset();
  // A server closes connections that were idle, perhaps just when they are used again.
  if (!answer && kept && received_ == before) {
    answer = exchange(ask);
    if (!answer) socket_.reset();
  }
  if (answer && !answer->keep_alive) socket_.reset();
  return answer;
}

Result<http::Answer> Connection::exchange(const Ask& ask) {
  if (!socket_) ORRERY_CHECK(connect());
  std::string request = format("GET {} HTTP/1.1\r\nHost: {}\r\n", ask.path, server_.name);
  if (ask.range) request += format("Range: {}\r\n", http::range_header(*ask.range));
  if (!ask.if_none_match.empty()) request += format("If-None-Match: {}\r\n", ask.if_none_match);
  ORRERY_CHECK(send(request + "\r\n"));
  http::AnswerParser parser(ask.most);
  for (bool whole = false; !whole;) {
    const ssize_t count = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      ORRERY_CHECK(wait(POLLIN, times_.silence, "sends nothing"));
      continue;
    }
    if (count < 0) return fail_errno("the connection broke off");
    if (count == 0) {
      ORRERY_CHECK(parser.end());
      break;
    }
    received_ += static_cast<std::uint64_t>(count);
    ORRERY_TRY(whole, parser.put(ByteSpan(buffer_).first(static_cast<std::size_t>(count))));
  }
  return parser.take();
}

Result<> Connection::connect() {
  ORRERY_TRY(socket_, begin_connecting(server_));
  ORRERY_CHECK(wait(POLLOUT, times_.connect, "cannot be reached"));
  return connection_error(socket_.get());
}

Result<> Connection::send(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count =
        ::send(socket_.get(), text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count >= 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      ORRERY_CHECK(wait(POLLOUT, times_.silence, "takes no requests"));
    } else if (errno != EINTR) {
      return fail_errno("the connection broke off");
    }
  }
  return {};
}

Result<> Connection::wait(short events, std::chrono::milliseconds time, std::string_view what) {
  const auto limit = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        limit - std::chrono::steady_clock::now());
    std::array<pollfd, 2> polled{pollfd{socket_.get(), events, 0},
                                 pollfd{interrupt_.descriptor(), POLLIN, 0}};
    const int ready = left.count() <= 0 ? 0
                                        : ::poll(polled.data(), polled.size(),
                                                 static_cast<int>(left.count()) + 1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return fail_errno("poll");
    if (polled[1].revents != 0) return fail("is not wanted any more");
    if (ready > 0) return {};
    return fail(format("{} for {} s", what, static_cast<double>(time.count()) / 1000));
  }
}

}  // namespace orrery::store::remote
