#include "cluster/host/panel_link.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "base/log.hpp"

namespace orrery::cluster::host {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{2'000};

}  // namespace

http::Ask ask_for(http::Method method, std::string target, const std::string& token) {
  http::Ask ask;
  ask.method = method;
  ask.target = std::move(target);
  ask.headers = {{"Authorization", "Bearer " + token}};
  return ask;
}

PanelLink::PanelLink(EventLoop& loop, Options options, Listener listener)
    : loop_(loop),
      options_(std::move(options)),
      listener_(std::move(listener)),
      client_(loop, options_.panels, {}),
      beat_(loop.create_timer([this] { beat(); })),
      silence_(loop.create_timer([this] { close_connection(); })) {}

void PanelLink::close_connection() {
  const std::shared_ptr<http::ClientSocket> kept = connection_;
  if (kept) kept->socket().close();
}

void PanelLink::stop() {
  stopped_ = true;
  client_.close();
  close_connection();
  changed_.notify_all();
}

void PanelLink::send(link::Message message) {
  if (!connection_) return;
  waiting_.push_back(std::move(message));
  changed_.notify_all();
}

void PanelLink::beat() {
  send(link::Alive{});
  listener_.beaten();
  beat_->arm(std::chrono::steady_clock::now() + beat_every_);
}

Task<Result<>> PanelLink::run() {
  while (!stopped_) {
    const Result<> spoken = co_await speak();
    if (stopped_) break;
    // Once for each reason: a panel that is away for an hour is one line.
    if (!spoken && std::exchange(told_, spoken.error().message()) != spoken.error().message()) {
      log::warning("panel: {}", spoken.error().message());
    }
    co_await pause();
  }
  co_return Result<>{};
}

Task<bool> PanelLink::pause() {
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  bool over = false;
  const auto timer = loop_.create_timer([&] {
    over = true;
    changed_.notify_all();
  });
  timer->arm(std::chrono::steady_clock::now() + pause_);
  while (!over && !stopped_) co_await changed_;
  co_return true;
}

// One connection, from its beginning to its end.
Task<Result<>> PanelLink::speak() {
  http::Ask ask = ask_for(http::Method::kGet, format("/v1/platforms/{}/link", options_.platform),
                          options_.secret);
  auto opened = co_await client_.open(std::move(ask));
  if (!opened) co_return fail(opened.error());
  const std::shared_ptr<http::ClientSocket> connection = std::move(*opened);
  http::WebSocket& socket = connection->socket();
  const bool understood = co_await shake_hands(socket);
  if (!understood) client_.try_another();
  if (!understood || stopped_) co_return fail("it does not welcome this agent; its log says why");
  log::info("the panel at {} is there", panel().name);
  told_.clear();
  pause_ = 0ms;
  ended_ = false;
  waiting_.clear();
  connection_ = connection;
  beat();
  listener_.connected();
  std::vector<Task<Result<>>> both;
  both.push_back(receive_all(socket));
  both.push_back(send_all(socket));
  co_await all_of(std::move(both));
  connection_.reset();
  beat_->cancel();
  silence_->cancel();
  co_return fail("the connection has ended");
}

Task<bool> PanelLink::put(http::WebSocket& socket, link::Message message) {
  http::Message text;
  text.data = link::to_text(message);
  const bool sent = co_await socket.send(std::move(text));
  co_return sent;
}

Task<bool> PanelLink::shake_hands(http::WebSocket& socket) {
  link::Hello hello;
  hello.facts = options_.facts;
  const bool sent = co_await put(socket, std::move(hello));
  if (!sent) co_return false;
  const std::optional<http::Message> first = co_await socket.receive();
  if (!first) co_return false;
  const Result<link::Message> message = link::parse_message(first->data);
  const auto* const welcome = message ? std::get_if<link::Welcome>(&*message) : nullptr;
  if (welcome == nullptr || welcome->lease.count() == 0) co_return false;
  beat_every_ = std::chrono::milliseconds(welcome->lease) / 3;
  co_return true;
}

Task<Result<>> PanelLink::receive_all(http::WebSocket& socket) {
  while (true) {
    silence_->arm(std::chrono::steady_clock::now() + 3 * beat_every_);
    const std::optional<http::Message> text = co_await socket.receive();
    if (!text) break;
    Result<link::Message> message = link::parse_message(text->data);
    if (!message) log::warning("panel: {}", message.error().message());
    if (!message) break;
    listener_.taken(std::move(*message));
  }
  socket.close();
  ended_ = true;
  changed_.notify_all();
  co_return Result<>{};
}

Task<Result<>> PanelLink::send_all(http::WebSocket& socket) {
  bool sent = true;
  while (sent && !ended_) {
    if (waiting_.empty()) {
      co_await changed_;
      continue;
    }
    link::Message message = std::move(waiting_.front());
    waiting_.pop_front();
    sent = co_await put(socket, std::move(message));
  }
  socket.close();
  co_return Result<>{};
}

}  // namespace orrery::cluster::host
