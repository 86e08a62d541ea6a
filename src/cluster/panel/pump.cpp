#include "cluster/panel/pump.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace orrery::cluster {
namespace {

Task<Result<>> pump(http::WebSocket& from, http::WebSocket& to) {
  while (true) {
    std::optional<http::Message> message = co_await from.receive();
    if (!message) break;
    const bool sent = co_await to.send(std::move(*message));
    if (!sent) break;
  }
  from.close();
  to.close();
  co_return Result<>{};
}

}  // namespace

Task<Result<>> join_sockets(http::WebSocket& one, http::WebSocket& other) {
  std::vector<Task<Result<>>> both;
  both.push_back(pump(one, other));
  both.push_back(pump(other, one));
  Result<> done = co_await all_of(std::move(both));
  co_return done;
}

}  // namespace orrery::cluster
