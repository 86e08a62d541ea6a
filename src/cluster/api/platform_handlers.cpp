#include "cluster/api/api.hpp"
#include "cluster/api/handlers.hpp"
#include "cluster/api/views.hpp"
#include "cluster/registry/keys.hpp"
#include "cluster/registry/platforms.hpp"

namespace orrery::cluster::api {
namespace {

Outcome<Output> shown(const Platforms::Done& done) {
  if (!done) return std::unexpected(done.error());
  return Output{.body = view_of(*done), .revision = done->revision};
}

}  // namespace

Outcome<Output> list_platforms(const Api& api, const Input& input) {
  return page_of(api, input, keys::kPlatforms, [](const Record& record) -> std::optional<Json> {
    return view_of(Stored<Platform>{platform_of(parse_object(record.value)), record.revision});
  });
}

Outcome<Output> join_platform(const Api& api, const Input& input) {
  return shown(Platforms(api.registry())
                   .join(bearer_of(input.request), text_field(input.body, "name"),
                         text_field(input.body, "credential"), facts_of(input.body.at("facts"))));
}

Outcome<Output> show_platform(const Api& api, const Input& input) {
  return shown(api.registry().platform(input.name("platform")));
}

Outcome<Output> remove_platform(const Api& api, const Input& input) {
  return shown(Platforms(api.registry()).remove(input.caller, input.name("platform")));
}

Outcome<Output> drain_platform(const Api& api, const Input& input) {
  return shown(Platforms(api.registry())
                   .drain(input.caller, input.name("platform"), Platforms::Drain::kBegin));
}

Outcome<Output> open_platform(const Api& api, const Input& input) {
  return shown(Platforms(api.registry())
                   .drain(input.caller, input.name("platform"), Platforms::Drain::kEnd));
}

Outcome<Output> make_join_token(const Api& api, const Input& input) {
  constexpr std::int64_t kUsual = 60;
  constexpr std::int64_t kMost = 60 * 24 * 30;
  const std::int64_t minutes = field(input.body, "minutes", kUsual);
  if (minutes < 1 || minutes > kMost) {
    return refuse(Refusal::Kind::kInvalid, "minutes: 1 to 43200, which are thirty days");
  }
  ORRERY_TRY(
      std::string token,
      Platforms(api.registry()).make_join_token(input.caller, std::chrono::minutes(minutes)));
  return Output{.status = 201, .body = {{"token", std::move(token)}}};
}

}  // namespace orrery::cluster::api
