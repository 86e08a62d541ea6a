#include "store/serve/session.hpp"

#include <algorithm>
#include <array>
#include <coroutine>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "store/serve/routes.hpp"

namespace orrery::store::serve {
namespace {

// `co_await OnWorker(loop, workers, work)`: WORK's result, found on another thread.
template <typename Work>
class OnWorker {
 public:
  OnWorker(EventLoop& loop, WorkerPool& workers, Work work)
      : loop_(loop), workers_(workers), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    workers_.post([this, handle] {
      result_.emplace(work_());
      loop_.post([handle] { handle.resume(); });
    });
  }
  auto await_resume() { return std::move(*result_); }

 private:
  EventLoop& loop_;
  WorkerPool& workers_;
  Work work_;
  std::optional<std::invoke_result_t<Work>> result_;
};

constexpr std::chrono::seconds kLinger{1};

}  // namespace

Session::Session(const Surroundings& surroundings, Stream& stream)
    : surroundings_(surroundings),
      stream_(stream),
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
    std::optional<http::Request> request = parser_.take();
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
Task<bool> Session::answer(http::Request request) {
  timer_->cancel();
  const auto work = [this, &request] { return reply_to(request, surroundings_.library); };
  const Reply reply = co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
  log::debug("store server: {} {}: {}", request.path, request.range, reply.status);
  const bool stays = request.keep_alive && !stopping_;
  const std::string head = head_of(reply, stays ? Connection::kStays : Connection::kCloses);
  bool sent = co_await send(as_bytes(head.data(), head.size()));
  if (sent && request.method != http::Request::Method::kHead) sent = co_await send_body(reply);
  co_return sent&& stays;
}

Task<bool> Session::send_body(const Reply& reply) {
  for (std::uint64_t done = 0; done < reply.length;) {
    piece_.resize(std::min(kPiece, reply.length - done));
    const auto work = [&] { return reply.content.read(reply.first + done, piece_); };
    const Result<> read = co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
    if (!read) {
      // The head has said that all is well: only a connection that breaks off says otherwise.
      log::warning("store server: {}", read.error().message());
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

}  // namespace orrery::store::serve
