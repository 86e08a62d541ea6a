#include "http/session.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "base/loop/on_worker.hpp"
#include "http/web_socket/web_socket.hpp"

namespace orrery::http {
namespace {

constexpr std::chrono::seconds kLinger{1};

}  // namespace

Session::Session(const Surroundings& surroundings, Stream& stream)
    : surroundings_(surroundings),
      stream_(stream),
      parser_(surroundings.limits.body),
      timer_(surroundings.loop.create_timer([this] { stream_.close(); })) {}

void Session::close_after(std::chrono::milliseconds time) {
  if (!stopping_) timer_->arm(std::chrono::steady_clock::now() + time);
}

void Session::stop() {
  close_after(surroundings_.limits.farewell);
  stopping_ = true;
  stream_.stop_receiving();
}

Task<Result<>> Session::serve() {
  while (!stopping_) {
    std::optional<Request> request = parser_.take();
    if (!request && parser_.refusal()) {
      co_await refuse();
      break;
    }
    bool goes_on = false;
    if (request) {
      goes_on = co_await answer(std::move(*request));
    } else {
      goes_on = co_await receive();
    }
    if (!goes_on) break;
  }
  if (!left_) {
    stopping_ = false;
    close_after(kLinger);
    co_await stream_.linger();
  }
  timer_->cancel();
  stream_.close();
  co_return Result<>{};
}

Task<bool> Session::receive() {
  std::array<std::byte, 4_KiB> bytes;
  // Within a request, the time of the whole goes on.
  const bool first = !parser_.begun();
  if (first) close_after(surroundings_.limits.idle);
  const std::size_t count = co_await stream_.receive(bytes);
  left_ = count == 0 && !stopping_;
  if (count == 0) co_return false;
  if (first) close_after(surroundings_.limits.request);
  parser_.put(ByteSpan(bytes).first(count));
  co_return true;
}

Task<bool> Session::refuse() {
  const Reply reply = error_reply(*parser_.refusal(), "this is no request that is served here");
  const std::string head = head_of(reply, Connection::kCloses);
  const bool sent = co_await send(as_bytes(head.data(), head.size()));
  if (!sent) co_return false;
  co_return co_await send_body(reply);
}

// False: the connection comes to its end.
Task<bool> Session::answer(Request request) {
  timer_->cancel();
  const Reply reply = co_await surroundings_.handler.reply_to(request);
  log::debug("{} {}: {}", name_of(request.method), request.path, reply.status);
  const bool stays = (request.keep_alive || reply.speak) && !stopping_;
  const std::string head = head_of(reply, stays ? Connection::kStays : Connection::kCloses);
  bool sent = co_await send(as_bytes(head.data(), head.size()));
  if (sent && reply.speak) {
    timer_->cancel();
    WebSocket socket(stream_, WebSocket::Role::kServer, parser_.take_rest());
    co_await reply.speak(socket);
    co_return false;
  }
  if (sent && request.method != Method::kHead) sent = co_await send_body(reply);
  co_return sent&& stays;
}

Task<bool> Session::send_body(const Reply& reply) {
  for (std::uint64_t done = 0; done < reply.length;) {
    piece_.resize(std::min(kPiece, reply.length - done));
    const auto work = [&] { return reply.content.read(reply.first + done, piece_); };
    const Result<> read = co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
    if (!read) {
      // The head has said that all is well: only a connection that breaks off says otherwise.
      log::warning("a reply: {}", read.error().message());
      stream_.close();
      left_ = true;
      co_return false;
    }
    const bool sent = co_await send(piece_);
    if (!sent) co_return false;
    done += piece_.size();
  }
  co_return true;
}

Task<bool> Session::send(ByteSpan bytes) {
  close_after(surroundings_.limits.piece);
  while (!bytes.empty()) {
    const iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    const std::size_t count = co_await stream_.send({&part, 1});
    left_ = count == 0;
    if (left_) co_return false;
    bytes = bytes.subspan(count);
  }
  co_return true;
}

}  // namespace orrery::http
