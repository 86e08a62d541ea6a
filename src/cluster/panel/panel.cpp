#include "cluster/panel/panel.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/loop/on_worker.hpp"
#include "base/units.hpp"
#include "cluster/api/routes.hpp"
#include "cluster/registry/platforms.hpp"
#include "cluster/registry/upkeep.hpp"
#include "http/web_socket/handshake.hpp"

namespace orrery::cluster {
namespace {

using api::Speaker;
using http::WebSocket;

constexpr std::chrono::seconds kLookEvery{1};
constexpr unsigned kForgetEvery = 60;  // looks

// The panel that PLATFORM's agent is connected to, unless it is this one or none. Waits for name
// servers.
Outcome<std::optional<TcpServer>> find_other_panel(const Registry& registry,
                                                   const std::string& platform) {
  ORRERY_TRY(const std::string where, Platforms(registry).panel_of(platform));
  if (where.empty() || where == registry.panel()) return std::nullopt;
  ORRERY_TRY(TcpServer server, find_tcp_server(where));
  return server;
}

}  // namespace

Panel::Panel(EventLoop& loop, WorkerPool& workers, Registry& registry, const api::Api& api,
             std::span<const page::File> page)
    : surroundings_{loop, workers, registry},
      api_(api),
      page_(page),
      consoles_(loop),
      other_panels_(loop),
      follower_(surroundings_, [this](const std::set<std::string>& platforms) { tell(platforms); }),
      timer_(loop.create_timer([this] { look_after(); })) {
  registry.on_commit([this, weak = std::weak_ptr(alive_)](const std::set<std::string>& platforms) {
    surroundings_.loop.post([this, weak, platforms] {
      if (weak.lock()) tell(platforms);
    });
  });
}

Panel::~Panel() = default;

void Panel::start() {
  timer_->arm(std::chrono::steady_clock::now());
  follower_.start();
}

void Panel::stop() {
  stopping_ = true;
  timer_->cancel();
  follower_.stop();
  // Who is closed may go at once, and takes himself off the list.
  while (!links_.empty()) {
    const auto first = links_.extract(links_.begin());
    first.mapped()->close();
  }
  gauges_.stop();
  while (!listeners_.empty()) listeners_.extract(listeners_.begin()).value()->close();
}

void Panel::tell(const std::set<std::string>& platforms) {
  for (const std::string& name : platforms) {
    const auto link = links_.find(name);
    if (link != links_.end()) link->second->wake();
  }
  ++commits_;
  events_changed_.notify_all();
}

void Panel::look_after() {
  if (stopping_) return;
  timer_->arm(std::chrono::steady_clock::now() + kLookEvery);
  if (gauges_.watched()) ask_for_figures();
  if (std::exchange(looking_, true)) return;  // the one before is not done yet
  const bool forget = looks_++ % kForgetEvery == 0;
  surroundings_.workers.post(
      [this, surroundings = surroundings_, forget, weak = std::weak_ptr(alive_)] {
        Outcome<> done = cluster::look_after(surroundings.registry);
        if (done && forget) done = forget_old(surroundings.registry);
        surroundings.loop.post([this, weak, done] {
          if (!weak.lock()) return;
          if (!done) log::warning("upkeep: {}", done.error().message);
          looking_ = false;
        });
      });
}

void Panel::ask_for_figures() {
  // Whoever is sent something may be found to have gone, and is taken off the list.
  std::vector<std::string> names;
  names.reserve(links_.size());
  for (const auto& [name, link] : links_) names.push_back(name);
  for (const std::string& name : names) {
    const auto link = links_.find(name);
    if (link != links_.end()) link->second->send(link::Measure{});
  }
}

Task<http::Reply> Panel::reply_to(const http::Request& request) {
  if (!api::is_of_api(request.path)) co_return page::reply_to(page_, request);
  const api::Found found = api::find_route(request.method, request.path);
  if (found.match && found.match->route->speaker != Speaker::kNobody && request.upgrade) {
    http::Reply reply = co_await reply_to_speaker(request);
    co_return reply;
  }
  const auto work = [&] { return api_.reply_to(request); };
  http::Reply reply = co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
  co_return reply;
}

Task<http::Reply> Panel::reply_to_speaker(const http::Request& request) {
  const auto work = [&] { return api_.admit(request); };
  const Outcome<api::Api::Admitted> admitted =
      co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
  if (!admitted) co_return api::reply_with(admitted.error());
  const api::Input& input = admitted->input;
  const std::string caller = input.caller.name;
  switch (admitted->route->speaker) {
    case Speaker::kLink:
      if (input.name("platform") != caller) {
        co_return api::reply_with(
            Refusal(Refusal::Kind::kNotAllowed, format("{} is another platform", caller)));
      }
      co_return http::upgrade_reply(
          request, [this, caller](WebSocket& socket) { return speak_link(socket, caller); },
          api::kSocketProtocol);
    case Speaker::kConsoleHost:
      co_return http::upgrade_reply(
          request,
          [this, caller, name = input.name("console")](WebSocket& socket) {
            return consoles_.lend(socket, caller, name);
          },
          api::kSocketProtocol);
    case Speaker::kConsole: {
      const bool log = admitted->route->path.ends_with("/log");
      http::Reply reply = co_await reply_to_console(
          request, input.name("vm"), log ? link::ConsoleUse::kLog : link::ConsoleUse::kConsole);
      co_return reply;
    }
    case Speaker::kFigures:
      co_return http::upgrade_reply(
          request, [this](WebSocket& socket) { return gauges_.show(socket); },
          api::kSocketProtocol);
    default: {
      const auto after = parse_number(request.parameter("after").value_or("0"), 0, INT64_MAX);
      const Revision since(after.value_or(0));
      co_return http::upgrade_reply(
          request, [this, since](WebSocket& socket) { return speak_events(socket, since); },
          api::kSocketProtocol);
    }
  }
}

Task<http::Reply> Panel::reply_to_console(const http::Request& request, std::string vm,
                                          link::ConsoleUse use) {
  const auto work = [&] { return surroundings_.registry.vm(vm); };
  const Outcome<Stored<Vm>> found =
      co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
  if (!found) co_return api::reply_with(found.error());
  const std::string owner = found->value.owner;
  // (One that has stopped has left its log where it was.)
  const std::string platform =
      owner.empty() && use == link::ConsoleUse::kLog ? found->value.last_owner : owner;
  if (platform.empty()) {
    co_return api::reply_with(
        Refusal(Refusal::Kind::kConflict, format("{} is {}", vm, name_of(found->value.state))));
  }
  if (!links_.contains(platform)) {
    http::Reply reply = co_await reply_elsewhere(request, platform);
    co_return reply;
  }
  link::OpenConsole open{
      .vm = std::move(vm), .console = surroundings_.registry.random_text(), .use = use};
  co_return http::upgrade_reply(
      request,
      [this, platform, open](WebSocket& socket) { return speak_console(socket, platform, open); },
      api::kSocketProtocol);
}

// PLATFORM's agent is connected to another panel, or to none.
Task<http::Reply> Panel::reply_elsewhere(const http::Request& request, std::string platform) {
  const auto work = [&] { return find_other_panel(surroundings_.registry, platform); };
  const Outcome<std::optional<TcpServer>> where =
      co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
  if (!where) co_return api::reply_with(where.error());
  if (!*where || OtherPanels::passed(request)) {
    co_return api::reply_with(
        Refusal(Refusal::Kind::kConflict, format("the agent of {} is not connected", platform)));
  }
  http::Reply reply = co_await other_panels_.pass(request, **where);
  co_return reply;
}

Task<Result<>> Panel::speak_console(WebSocket& socket, std::string platform,
                                    link::OpenConsole open) {
  const auto link = links_.find(platform);
  if (link == links_.end()) co_return Result<>{};  // it has gone just now
  Result<> done = co_await consoles_.use(socket, *link->second, std::move(open));
  co_return done;
}

Task<Result<>> Panel::speak_link(WebSocket& socket, std::string platform) {
  HostLink link(surroundings_, gauges_, platform, socket);
  const bool understood = co_await link.shake_hands();
  if (!understood || stopping_) {
    socket.close();
    co_return Result<>{};
  }
  // An agent that was started again is faster than what tells that its old connection has broken.
  const auto old = links_.find(platform);
  if (old != links_.end()) old->second->close();
  links_[platform] = &link;
  log::info("{}: its agent is there", platform);
  Result<> done = co_await link.serve();
  const auto present = links_.find(platform);
  if (present != links_.end() && present->second == &link) links_.erase(present);
  log::info("{}: its agent has gone", platform);
  co_return done;
}

Task<Result<>> Panel::speak_events(WebSocket& socket, Revision since) {
  listeners_.insert(&socket);
  if (since == Revision()) {
    const auto work = [this] { return surroundings_.registry.database().revision(); };
    const Result<Revision> now = co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
    since = now.value_or(since);
  }
  const auto ended = std::make_shared<bool>(false);
  std::vector<Task<Result<>>> both;
  both.push_back(wait_for_end(socket, ended));
  both.push_back(send_events(socket, since, ended));
  Result<> done = co_await all_of(std::move(both));
  listeners_.erase(&socket);
  co_return done;
}

Task<Result<>> Panel::wait_for_end(WebSocket& socket, std::shared_ptr<bool> ended) {
  for (bool open = true; open;) {
    const std::optional<http::Message> message = co_await socket.receive();
    open = message.has_value();
  }
  *ended = true;
  events_changed_.notify_all();
  co_return Result<>{};
}

Task<Result<>> Panel::send_events(WebSocket& socket, Revision since, std::shared_ptr<bool> ended) {
  constexpr std::size_t kAtOnce = 100;
  while (!*ended) {
    const std::uint64_t commits = commits_;
    const auto work = [&] { return api::events_since(surroundings_.registry, since, kAtOnce); };
    const Result<api::Events> events =
        co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
    if (!events) break;
    since = events->last;
    for (const std::string& text : events->texts) {
      http::Message message;
      message.data = text;
      const bool sent = co_await socket.send(std::move(message));
      if (!sent) *ended = true;
      if (!sent) break;
    }
    if (events->texts.empty() && commits == commits_ && !*ended) co_await events_changed_;
  }
  socket.close();
  co_return Result<>{};
}

}  // namespace orrery::cluster
