#include "http/client.hpp"

#include <array>
#include <coroutine>
#include <random>
#include <utility>

#include "base/encoding/base64.hpp"
#include "base/format.hpp"
#include "base/sockets/socket_stream.hpp"
#include "http/web_socket/handshake.hpp"

namespace orrery::http {
namespace {

// Until a socket is writable, or the time is over.
class Connected {
 public:
  Connected(EventLoop& loop, int socket, std::chrono::milliseconds time)
      : loop_(loop), socket_(socket), time_(time) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiting_ = handle;
    timer_ = loop_.create_timer([this] { finish(fail("cannot be reached: no answer")); });
    timer_->arm(std::chrono::steady_clock::now() + time_);
    auto watch =
        loop_.watch(socket_, Readiness::kWritable, [this] { finish(connection_error(socket_)); });
    if (watch) {
      watch_ = std::move(*watch);
    } else {
      loop_.post([this, error = watch.error()] { finish(fail(error)); });
    }
  }
  Result<> await_resume() {
    watch_.reset();
    return result_;
  }

 private:
  void finish(Result<> result) {
    if (!waiting_) return;
    timer_->cancel();
    if (watch_) watch_->pause();
    result_ = std::move(result);
    std::exchange(waiting_, nullptr).resume();
  }

  EventLoop& loop_;
  const int socket_;
  const std::chrono::milliseconds time_;
  std::coroutine_handle<> waiting_;
  std::unique_ptr<LoopTimer> timer_;
  std::unique_ptr<Watch> watch_;
  Result<> result_;
};

std::string text_of(const TcpServer& server, const Ask& ask) {
  std::string text =
      format("{} {} HTTP/1.1\r\nHost: {}\r\n", name_of(ask.method), ask.target, server.name);
  for (const auto& [name, value] : ask.headers) text += format("{}: {}\r\n", name, value);
  if (!ask.body.empty() || ask.method != Method::kGet) {
    text += format("Content-Length: {}\r\n", ask.body.size());
  }
  return text + "\r\n" + ask.body;
}

std::string make_key() {
  std::random_device random;
  std::array<std::byte, 16> bytes;
  for (std::byte& each : bytes) each = static_cast<std::byte>(random());
  return to_base64(bytes);
}

}  // namespace

Client::Client(EventLoop& loop, std::vector<TcpServer> servers, Times times)
    : loop_(loop), servers_(std::move(servers)), times_(times), timer_(loop.create_timer([this] {
        timed_out_ = true;
        close();
      })) {}

Client::~Client() = default;

void Client::close() {
  const std::shared_ptr<Stream> stream = active_;
  if (stream) stream->close();
}

// An error names all of them.
Task<Result<std::shared_ptr<Stream>>> Client::connect() {
  std::string reasons;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    auto stream = co_await connect_to(server());
    if (stream) co_return stream;
    if (i != 0) reasons += "; ";
    reasons += stream.error().context(server().name).message();
    try_another();
  }
  co_return fail(reasons);
}

Task<Result<std::shared_ptr<Stream>>> Client::connect_to(const TcpServer& server) {
  auto socket = begin_connecting(server);
  if (!socket) co_return fail(socket.error());
  const Result<> connected = co_await Connected(loop_, socket->get(), times_.connect);
  if (!connected) co_return fail(connected.error());
  auto stream = SocketStream::create(loop_, std::move(*socket));
  if (!stream) co_return fail(stream.error());
  co_return std::shared_ptr<Stream>(std::move(*stream));
}

// REST: what came behind the answer.
Task<Result<Answer>> Client::exchange(Stream& stream, const Ask& ask,
                                      std::vector<std::byte>& rest) {
  const std::string text = text_of(server(), ask);
  for (std::size_t done = 0; done < text.size();) {
    const iovec part{const_cast<char*>(text.data()) + done, text.size() - done};
    const std::size_t count = co_await stream.send({&part, 1});
    if (count == 0) co_return fail("the connection broke off");
    done += count;
  }
  AnswerParser parser(ask.most);
  std::vector<std::byte> bytes(64_KiB);
  for (bool whole = false; !whole;) {
    const std::size_t count = co_await stream.receive(bytes);
    if (count == 0) {
      const Result<> ended = parser.end();
      if (!ended) co_return fail(ended.error());
      break;
    }
    const Result<bool> put = parser.put(ByteSpan(bytes).first(count));
    if (!put) co_return fail(put.error());
    whole = *put;
  }
  Answer answer = parser.take();
  rest = parser.take_rest();
  co_return answer;
}

Task<Result<Answer>> Client::ask(Ask ask) {
  if (!kept_) {
    auto connected = co_await connect();
    if (!connected) co_return fail(connected.error());
    kept_ = std::move(*connected);
  }
  active_ = kept_;
  timed_out_ = false;
  timer_->arm(std::chrono::steady_clock::now() + times_.answer);
  std::vector<std::byte> rest;
  Result<Answer> answer = co_await exchange(*kept_, ask, rest);
  timer_->cancel();
  active_.reset();
  if (!answer || !answer->keep_alive) kept_.reset();
  if (answer) co_return answer;
  const std::string name = server().name;
  try_another();
  if (timed_out_) co_return fail(name + ": does not answer");
  co_return fail(answer.error().context(name));
}

Task<Result<std::unique_ptr<ClientSocket>>> Client::open(Ask ask) {
  auto connected = co_await connect();
  if (!connected) co_return fail(connected.error());
  const std::shared_ptr<Stream> stream = std::move(*connected);
  const std::string key = make_key();
  ask.headers.insert(ask.headers.end(), {{"Upgrade", "websocket"},
                                         {"Connection", "Upgrade"},
                                         {"Sec-WebSocket-Key", key},
                                         {"Sec-WebSocket-Version", "13"}});
  active_ = stream;
  timer_->arm(std::chrono::steady_clock::now() + times_.answer);
  std::vector<std::byte> rest;
  const Result<Answer> answer = co_await exchange(*stream, ask, rest);
  timer_->cancel();
  active_.reset();
  if (!answer) {
    const std::string name = server().name;
    try_another();
    co_return fail(answer.error().context(name));
  }
  if (answer->status != 101 || answer->accepted != accept_key(key)) {
    co_return fail(format("{}: {}", answer->status, answer->text()));
  }
  co_return std::make_unique<ClientSocket>(stream, rest);
}

}  // namespace orrery::http
