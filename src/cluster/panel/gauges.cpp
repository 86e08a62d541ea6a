#include "cluster/panel/gauges.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace orrery::cluster {

void Gauges::take(const std::string& platform, const link::Figures& figures) {
  Json json = link::to_json(figures.figures);
  json["platform"] = platform;
  json["vm"] = figures.vm;
  const std::string text = to_text(json);
  for (Viewer* const each : viewers_) {
    each->waiting.put(platform + "/" + figures.vm, text);
    each->changed.notify_all();
  }
}

void Gauges::stop() {
  // (Who is closed may go at once.)
  while (!viewers_.empty()) viewers_.extract(viewers_.begin()).value()->socket.close();
}

Task<Result<>> Gauges::show(http::WebSocket& socket) {
  Viewer viewer{.socket = socket};
  viewers_.insert(&viewer);
  std::vector<Task<Result<>>> both;
  both.push_back(wait_for_end(viewer));
  both.push_back(send_all(viewer));
  Result<> done = co_await all_of(std::move(both));
  viewers_.erase(&viewer);
  co_return done;
}

Task<Result<>> Gauges::wait_for_end(Viewer& viewer) {
  for (bool open = true; open;) {
    const std::optional<http::Message> message = co_await viewer.socket.receive();
    open = message.has_value();
  }
  viewer.ended = true;
  viewer.changed.notify_all();
  co_return Result<>{};
}

Task<Result<>> Gauges::send_all(Viewer& viewer) {
  while (!viewer.ended) {
    std::optional<std::string> text = viewer.waiting.take();
    if (!text) {
      co_await viewer.changed;
      continue;
    }
    http::Message message;
    message.data = std::move(*text);
    const bool sent = co_await viewer.socket.send(std::move(message));
    if (!sent) break;
  }
  viewer.socket.close();
  co_return Result<>{};
}

}  // namespace orrery::cluster
