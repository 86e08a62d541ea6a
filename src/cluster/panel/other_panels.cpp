#include "cluster/panel/other_panels.hpp"

#include <memory>
#include <utility>

#include "base/format.hpp"
#include "base/log.hpp"
#include "cluster/api/api.hpp"
#include "cluster/panel/pump.hpp"
#include "http/client.hpp"
#include "http/web_socket/handshake.hpp"

namespace orrery::cluster {
namespace {

constexpr const char* kPassed = "Orrery-Passed-On";

// (A path that led to a VM has nothing to encode: see check_name().)
http::Ask ask_like(const http::Request& request) {
  http::Ask ask;
  ask.target = request.path;
  ask.headers = {{"Authorization", "Bearer " + api::bearer_of(request)}, {kPassed, "1"}};
  return ask;
}

Task<Result<>> join(http::WebSocket& user, std::shared_ptr<http::ClientSocket> other) {
  Result<> done = co_await join_sockets(user, other->socket());
  co_return done;
}

}  // namespace

bool OtherPanels::passed(const http::Request& request) {
  return !request.header(kPassed).empty();
}

Task<http::Reply> OtherPanels::pass(const http::Request& request, TcpServer panel) {
  const auto client =
      std::make_unique<http::Client>(loop_, std::vector{std::move(panel)}, http::Client::Times{});
  auto opened = co_await client->open(ask_like(request));
  if (!opened) {
    co_return api::reply_with(
        Refusal(Refusal::Kind::kUnavailable,
                format("the agent is connected to another panel, and that one does not help: {}",
                       opened.error().message())));
  }
  const std::shared_ptr<http::ClientSocket> other = std::move(*opened);
  co_return http::upgrade_reply(
      request, [other](http::WebSocket& user) { return join(user, other); }, api::kSocketProtocol);
}

}  // namespace orrery::cluster
