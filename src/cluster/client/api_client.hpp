// A user's side of the panel's API, for commands of `orrery`: each call runs the loop until it is
// answered, so nobody else may run it.
#pragma once

#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "http/client.hpp"

namespace orrery::cluster {

class ApiClient {
 public:
  struct Options {
    std::string panel;  // "HOST:PORT[,...]": several that are one control panel
    std::string token;
  };
  static Result<ApiClient> create(EventLoop& loop, const Options& options);

  // An error: the panel cannot be reached, or the reason it told. PATH is encoded already. What
  // changes something has an idempotency key, and is asked once more where the answer was lost.
  Result<nlohmann::json> ask(http::Method method, const std::string& path,
                             const nlohmann::json& body);
  Result<nlohmann::json> get(const std::string& path);
  // All pages of a list.
  Result<nlohmann::json> get_all(const std::string& path);

  // Speaks WebSocket at PATH.
  Result<std::unique_ptr<http::ClientSocket>> open(const std::string& path);

 private:
  ApiClient(EventLoop& loop, Options options, std::unique_ptr<http::Client> client)
      : loop_(&loop), options_(std::move(options)), client_(std::move(client)) {}

  EventLoop* loop_;
  Options options_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace orrery::cluster
