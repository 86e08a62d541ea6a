#include "cluster/panel/consoles.hpp"

#include <chrono>
#include <utility>

#include "cluster/panel/pump.hpp"

namespace orrery::cluster {
namespace {

// For an agent to connect: it has a link already.
constexpr std::chrono::seconds kPatience{10};

}  // namespace

Task<Result<>> Consoles::use(http::WebSocket& user, HostLink& link, link::OpenConsole open) {
  const auto meeting = std::make_shared<Meeting>();
  meeting->platform = link.platform();
  const std::string name = open.console;
  meetings_[name] = meeting;
  link.send(std::move(open));
  const auto timer = loop_.create_timer([meeting] {
    meeting->over = true;
    meeting->changed.notify_all();
  });
  timer->arm(std::chrono::steady_clock::now() + kPatience);
  while (meeting->host == nullptr && !meeting->over) co_await meeting->changed;
  timer->cancel();
  meetings_.erase(name);
  if (meeting->host != nullptr) {
    co_await join_sockets(user, *meeting->host);
  }
  user.close();
  meeting->over = true;
  meeting->changed.notify_all();
  co_return Result<>{};
}

Task<Result<>> Consoles::lend(http::WebSocket& host, std::string platform, std::string name) {
  const auto found = meetings_.find(name);
  if (found == meetings_.end() || found->second->platform != platform ||
      found->second->host != nullptr) {
    host.close();
    co_return Result<>{};
  }
  const std::shared_ptr<Meeting> meeting = found->second;
  meeting->host = &host;
  meeting->changed.notify_all();
  while (!meeting->over) co_await meeting->changed;
  host.close();
  co_return Result<>{};
}

}  // namespace orrery::cluster
