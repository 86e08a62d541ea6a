#include "cluster/panel/host_link.hpp"

#include <utility>
#include <vector>

#include "base/format.hpp"
#include "base/log.hpp"
#include "base/loop/on_worker.hpp"
#include "cluster/link/assignments.hpp"
#include "cluster/registry/platforms.hpp"

namespace orrery::cluster {

HostLink::HostLink(const PanelSurroundings& surroundings, Gauges& gauges, std::string platform,
                   http::WebSocket& socket)
    : surroundings_(surroundings),
      gauges_(gauges),
      platform_(std::move(platform)),
      socket_(socket),
      silence_(surroundings.loop.create_timer([this] {
        log::info("{}: its agent is silent", platform_);
        socket_.close();
      })) {
  heard();
}

void HostLink::heard() {
  silence_->arm(std::chrono::steady_clock::now() + Platforms::kLease);
}

void HostLink::wake() {
  owned_changed_ = true;
  changed_.notify_all();
}

void HostLink::send(link::Message message) {
  waiting_.push_back(std::move(message));
  changed_.notify_all();
}

Task<bool> HostLink::put(link::Message message) {
  http::Message text;
  text.data = link::to_text(message);
  const bool sent = co_await socket_.send(std::move(text));
  co_return sent;
}

Task<bool> HostLink::shake_hands() {
  const std::optional<http::Message> first = co_await socket_.receive();
  if (!first) co_return false;
  Result<link::Message> message = link::parse_message(first->data);
  auto* const hello = message ? std::get_if<link::Hello>(&*message) : nullptr;
  if (hello == nullptr || hello->version != link::kVersion) {
    log::warning("{}: its agent speaks another version than {}", platform_, link::kVersion);
    co_return false;
  }
  facts_ = std::move(hello->facts);
  const bool greeted = co_await greet();
  if (!greeted) co_return false;
  const bool sent = co_await put(link::Welcome{.lease = Platforms::kLease});
  co_return sent;
}

Task<bool> HostLink::greet() {
  const auto work = [this] { return Platforms(surroundings_.registry).hello(platform_, facts_); };
  const Platforms::Done done = co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
  if (!done) log::warning("{}: {}", platform_, done.error().message);
  co_return done.has_value();
}

Task<Result<>> HostLink::serve() {
  std::vector<Task<Result<>>> both;
  both.push_back(receive_all());
  both.push_back(send_all());
  Result<> done = co_await all_of(std::move(both));
  silence_->cancel();
  co_return done;
}

Task<Result<>> HostLink::receive_all() {
  while (true) {
    const std::optional<http::Message> message = co_await socket_.receive();
    if (!message) break;
    heard();
    Result<link::Message> parsed = link::parse_message(message->data);
    if (!parsed) log::warning("{}: {}", platform_, parsed.error().message());
    if (!parsed) break;
    const bool taken = co_await take(std::move(*parsed));
    if (!taken) break;
  }
  socket_.close();
  ended_ = true;
  changed_.notify_all();
  co_return Result<>{};
}

// False: the link is given up; the agent connects again, and tells all.
Task<bool> HostLink::take(link::Message message) {
  if (std::holds_alternative<link::Alive>(message)) {
    const bool renewed = co_await renew();
    if (renewed) send(link::Alive{});
    co_return renewed;
  }
  if (auto* const report = std::get_if<link::Report>(&message)) {
    const bool taken = co_await take_report(std::move(*report));
    co_return taken;
  }
  if (const auto* const figures = std::get_if<link::Figures>(&message)) {
    gauges_.take(platform_, *figures);
    co_return true;
  }
  co_return false;
}

Task<bool> HostLink::renew() {
  const auto work = [this] { return Platforms(surroundings_.registry).renew(platform_); };
  const Outcome<> renewed = co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
  if (renewed) co_return true;
  // It was taken for lost, by a panel that was not there: it is greeted anew.
  const bool greeted = co_await greet();
  co_return greeted;
}

Task<bool> HostLink::take_report(link::Report report) {
  for (VmReport& each : report.vms) {
    const auto work = [this, &each] { return Vms(surroundings_.registry).report(platform_, each); };
    const Outcome<Verdict> verdict =
        co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
    if (!verdict) {
      log::warning("{}: {}", platform_, verdict.error().message);
      co_return false;
    }
    if (*verdict == Verdict::kNotKnown) {
      log::warning("{}: {} runs there, and nobody knows it; it is left alone", platform_, each.vm);
    }
    if (*verdict == Verdict::kNotOwned && (!each.ended || each.kept)) {
      send(link::Revoke{.vm = each.vm, .epoch = each.epoch});
    }
  }
  co_return true;
}

Task<Result<>> HostLink::send_all() {
  bool sent = true;
  while (sent && !ended_) {
    if (std::exchange(owned_changed_, false)) {
      sent = co_await tell_owned();
    } else if (!waiting_.empty()) {
      link::Message message = std::move(waiting_.front());
      waiting_.pop_front();
      sent = co_await put(std::move(message));
    } else {
      co_await changed_;
    }
  }
  socket_.close();
  co_return Result<>{};
}

Task<bool> HostLink::tell_owned() {
  const auto work = [this] { return link::assignments_of(surroundings_.registry, platform_); };
  const auto assign = co_await OnWorker(surroundings_.loop, surroundings_.workers, work);
  if (!assign) {
    log::warning("{}: {}", platform_, assign.error().message);
    co_return false;
  }
  std::string text = link::to_text(*assign);
  if (text == told_) co_return true;
  told_ = text;
  http::Message message;
  message.data = std::move(text);
  const bool sent = co_await socket_.send(std::move(message));
  co_return sent;
}

}  // namespace orrery::cluster
