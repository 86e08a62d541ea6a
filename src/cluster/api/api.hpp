// The panel's HTTP API over a registry: a request in, a reply out. docs/formats/panel-api.md.
//
// Any thread, several at a time; calls wait for the database. Routes that speak WebSocket are left
// to the panel (cluster/panel/): here it is only decided who may.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/api/routes.hpp"
#include "cluster/registry/registry.hpp"
#include "http/reply.hpp"
#include "http/request.hpp"

namespace orrery::cluster::api {

// Of a request's body: options of a VM fit.
inline constexpr std::uint64_t kMostBody = 64_KiB;

class Api {
 public:
  // What a VM with such options takes of a platform; an error says what is wrong with them.
  using CheckOptions = std::function<Result<Resources>(const VmOptions& options)>;

  Api(const Registry& registry, CheckOptions check_options)
      : registry_(registry), check_options_(std::move(check_options)) {}

  const Registry& registry() const { return registry_; }
  Result<Resources> check(const VmOptions& options) const { return check_options_(options); }

  // Whoever may, and has asked rightly, is answered.
  http::Reply reply_to(const http::Request& request) const;

  // For a request whose route speaks WebSocket: who asks, and for what.
  struct Admitted {
    const Route* route = nullptr;
    Input input;
  };
  Outcome<Admitted> admit(const http::Request& request) const;

 private:
  Outcome<Output> serve(const Admitted& admitted) const;

  const Registry& registry_;
  const CheckOptions check_options_;
};

// What browsers offer when they ask for a WebSocket: this protocol, and, as they cannot send an
// Authorization header with it, "orrery.token.TOKEN" (docs/formats/panel-api.md).
inline constexpr std::string_view kSocketProtocol = "orrery.v1";
inline constexpr std::string_view kSocketTokenPrefix = "orrery.token.";

// The token of a request; empty: there is none.
std::string bearer_of(const http::Request& request);

// Whether the table of routes has the say about PATH.
bool is_of_api(std::string_view path);

http::Reply reply_with(const Refusal& refusal);

// What happened after SINCE, as texts of JSON, LIMIT or a few more; and up to where that is.
struct Events {
  std::vector<std::string> texts;
  Revision last;
};
Result<Events> events_since(const Registry& registry, Revision since, std::size_t limit);

}  // namespace orrery::cluster::api
