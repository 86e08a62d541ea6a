#include "cluster/api/api.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/format.hpp"
#include "cluster/api/check_body.hpp"
#include "cluster/api/views.hpp"
#include "cluster/registry/users.hpp"
#include "http/web_socket/handshake.hpp"

namespace orrery::cluster::api {
namespace {

using Kind = Refusal::Kind;

struct KnownKind {
  Kind kind;
  unsigned status;
  std::string_view name;
};
constexpr std::array kKinds{
    KnownKind{Kind::kInvalid, 422, "invalid"},
    KnownKind{Kind::kUnknownUser, 401, "unknown-user"},
    KnownKind{Kind::kNotAllowed, 403, "not-allowed"},
    KnownKind{Kind::kNotFound, 404, "not-found"},
    KnownKind{Kind::kConflict, 409, "conflict"},
    KnownKind{Kind::kChanged, 412, "changed"},
    KnownKind{Kind::kUnavailable, 503, "unavailable"},
    KnownKind{Kind::kRaced, 503, "unavailable"},
};

// For everybody's routes, too, so that a wrong token is told of everywhere.
Outcome<Caller> find_caller(const Api& api, const http::Request& request, const Route& route) {
  if (route.roles.bits == kEverybody.bits) return Caller{};
  return Users(api.registry()).find(bearer_of(request));
}

// What an Idempotency-Key may be.
Outcome<> check_repeat_key(std::string_view key) {
  constexpr std::size_t kLongest = 64;
  const bool fits = key.size() <= kLongest && std::ranges::all_of(key, [](char each) {
                      return each > ' ' && each <= '~' && each != '/';
                    });
  if (fits) return {};
  return refuse(Kind::kInvalid, "an Idempotency-Key has 1 to 64 printable characters, and no /");
}

http::Reply reply_with(const Output& output) {
  if (!output.text.empty()) {
    return http::text_reply(output.status, std::string(output.type), output.text);
  }
  http::Reply reply =
      http::text_reply(output.status, std::string(output.type), to_text(output.body) + "\n");
  if (output.revision) reply.content.etag = format("\"{}\"", output.revision->value());
  return reply;
}

}  // namespace

std::string bearer_of(const http::Request& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view header = request.header("Authorization");
  if (header.starts_with(kScheme)) return std::string(header.substr(kScheme.size()));
  if (!request.upgrade || !header.empty()) return "";
  for (const std::string_view each : http::offered_protocols(request)) {
    if (each.starts_with(kSocketTokenPrefix)) {
      return std::string(each.substr(kSocketTokenPrefix.size()));
    }
  }
  return "";
}

bool is_of_api(std::string_view path) {
  return path == "/v1" || path.starts_with("/v1/");
}

http::Reply reply_with(const Refusal& refusal) {
  const auto* const known = std::ranges::find(kKinds, refusal.kind, &KnownKind::kind);
  const Json body{{"error", {{"kind", known->name}, {"message", refusal.message}}}};
  http::Reply reply = http::text_reply(known->status, "application/json", to_text(body) + "\n");
  if (refusal.kind == Kind::kUnknownUser) reply.more = "WWW-Authenticate: Bearer\r\n";
  return reply;
}

Outcome<Api::Admitted> Api::admit(const http::Request& request) const {
  Found found = find_route(request.method, request.path);
  if (!found.match) {
    return refuse(Kind::kNotFound, format("there is no {}; GET /v1 tells what there is",
                                          request.path.substr(0, 200)));
  }
  const Route& route = *found.match->route;
  ORRERY_TRY(Caller caller, find_caller(*this, request, route));
  const bool reads = route.method == http::Method::kGet;
  if (!reads) caller.request = format("{} {}", name_of(request.method), request.path);
  if (!route.roles.contains(caller.role)) {
    const Refusal refusal(Kind::kNotAllowed, format("{} has the role {}, which may not do this",
                                                    caller.name, name_of(caller.role)));
    if (!reads) registry_.record_refusal(caller, refusal);
    return std::unexpected(refusal);
  }
  const std::string_view key = reads ? std::string_view() : request.header("Idempotency-Key");
  ORRERY_CHECK(check_repeat_key(key));
  if (!key.empty() && !caller.name.empty()) {
    caller.repeat_key = key;
    caller.repeat_digest = digest_of(caller.request + "\n" + request.body);
  }
  ORRERY_CHECK(check_query(route, request));
  ORRERY_TRY(Json body, check_body(route, request));
  return Admitted{&route,
                  {request, std::move(caller), std::move(found.match->names), std::move(body)}};
}

Outcome<Output> Api::serve(const Admitted& admitted) const {
  const Input& input = admitted.input;
  ORRERY_TRY(const auto repeat, registry_.find_repeat(input.caller));
  if (!repeat) return admitted.route->serve(*this, input);
  if (repeat->vm.empty()) {
    return refuse(Kind::kConflict, "this was done before; its answer is not given again");
  }
  ORRERY_TRY(const Stored<Vm> vm, registry_.vm(repeat->vm));
  return Output{.body = view_of(vm), .revision = vm.revision};
}

http::Reply Api::reply_to(const http::Request& request) const {
  const Found found = find_route(request.method, request.path);
  if (!found.match && !found.methods.empty()) {
    http::Reply reply = http::error_reply(405, "this path takes " + found.methods);
    reply.more = format("Allow: {}\r\n", found.methods);
    return reply;
  }
  const Outcome<Admitted> admitted = admit(request);
  if (!admitted) return reply_with(admitted.error());
  if (admitted->route->serve == nullptr) {
    return http::error_reply(426, "WebSocket, version 13, is spoken here");
  }
  Outcome<Output> output = serve(*admitted);
  if (!output && output.error().kind == Kind::kUnavailable &&
      !admitted->input.caller.repeat_key.empty()) {
    output = serve(*admitted);  // a repetition that came at the same time has been first
  }
  if (output) return reply_with(*output);
  if (!admitted->input.caller.request.empty()) {
    registry_.record_refusal(admitted->input.caller, output.error());
  }
  return reply_with(output.error());
}

}  // namespace orrery::cluster::api
