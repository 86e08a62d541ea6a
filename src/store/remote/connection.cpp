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

Result<http::Answer> Connection::ask(const Ask& ask) {
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
  std::string request = format("{} {} HTTP/1.1\r\nHost: {}\r\n", http::name_of(ask.method),
                               ask.path, server_.address.name);
  if (ask.range) request += format("Range: {}\r\n", http::range_header(*ask.range));
  if (!ask.if_none_match.empty()) request += format("If-None-Match: {}\r\n", ask.if_none_match);
  if (!ask.authorization.empty()) request += format("Authorization: {}\r\n", ask.authorization);
  if (ask.method != http::Method::kGet) {
    request += format("Content-Length: {}\r\n", ask.body.size());
  }
  request += "\r\n";
  ORRERY_CHECK(send(as_bytes(request.data(), request.size())));
  ORRERY_CHECK(send(ask.body));
  http::AnswerParser parser(ask.most);
  const std::uint64_t before = received_;
  for (bool whole = false; !whole;) {
    ORRERY_TRY(const ByteSpan bytes, receive());
    if (bytes.empty()) {
      if (received_ == before && !server_.credentials) {
        return fail(
            "closed the connection without an answer; if it serves by TLS, name a "
            "certificate (`orrery certificate create`)");
      }
      ORRERY_CHECK(parser.end());
      break;
    }
    ORRERY_TRY(whole, parser.put(bytes));
  }
  return parser.take();
}

// At least one byte; none: the server has closed the connection.
Result<ByteSpan> Connection::receive() {
  while (true) {
    const ssize_t count = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      ORRERY_CHECK(wait(POLLIN, times_.silence, "sends nothing"));
      continue;
    }
    if (count < 0) return fail_errno("the connection broke off");
    received_ += static_cast<std::uint64_t>(count);
    const ByteSpan bytes = ByteSpan(buffer_).first(static_cast<std::size_t>(count));
    if (!endpoint_ || bytes.empty()) return bytes;
    plain_.clear();
    const Result<> decrypted = endpoint_->receive(bytes, plain_);
    if (!plain_.empty()) return plain_;
    distrusted_ = !decrypted;
    ORRERY_CHECK(decrypted);
  }
}

Result<> Connection::connect() {
  endpoint_.reset();
  distrusted_ = false;
  ORRERY_TRY(socket_, begin_connecting(server_.address));
  ORRERY_CHECK(wait(POLLOUT, times_.connect, "cannot be reached"));
  ORRERY_CHECK(connection_error(socket_.get()));
  return server_.credentials ? shake_hands() : Result<>{};
}

Result<> Connection::shake_hands() {
  ORRERY_TRY(endpoint_,
             orrery::remote::tls::Endpoint::connecting(*server_.credentials, server_.host));
  while (true) {
    encrypted_.clear();
    endpoint_->take_output(encrypted_);
    ORRERY_CHECK(send_raw(encrypted_));
    if (endpoint_->established()) return {};
    const ssize_t count = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      ORRERY_CHECK(wait(POLLIN, times_.silence, "does not answer by TLS"));
      continue;
    }
    if (count <= 0) {
      return fail("closed the connection instead of shaking hands; does it serve by TLS?");
    }
    received_ += static_cast<std::uint64_t>(count);
    const ByteSpan bytes = ByteSpan(buffer_).first(static_cast<std::size_t>(count));
    const Result<> received = endpoint_->receive(bytes, plain_);
    distrusted_ = !received;
    ORRERY_CHECK(received);
  }
}

Result<> Connection::send(ByteSpan bytes) {
  if (!endpoint_) return send_raw(bytes);
  ORRERY_CHECK(endpoint_->send(bytes));
  encrypted_.clear();
  endpoint_->take_output(encrypted_);
  return send_raw(encrypted_);
}

Result<> Connection::send_raw(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      sent_ += static_cast<std::uint64_t>(count);
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
