#include "cluster/api/api.hpp"
#include "cluster/api/handlers.hpp"
#include "cluster/api/views.hpp"
#include "cluster/registry/keys.hpp"

namespace orrery::cluster::api {

Outcome<Output> list_users(const Api& api, const Input& input) {
  return page_of(api, input, keys::kUsers, [](const Record& record) -> std::optional<Json> {
    Json json = parse_object(record.value);
    json.erase("token");
    return json;
  });
}

Outcome<Output> create_user(const Api& api, const Input& input) {
  const auto role = role_of(text_field(input.body, "role"));
  if (!role) {
    return refuse(Refusal::Kind::kInvalid, "role is viewer, operator or administrator");
  }
  ORRERY_TRY(std::string token,
             Users(api.registry()).create(input.caller, text_field(input.body, "name"), *role));
  return Output{.status = 201, .body = {{"token", std::move(token)}}};
}

Outcome<Output> remove_user(const Api& api, const Input& input) {
  const std::string& name = input.name("user");
  ORRERY_TRY(const auto record, api.registry().database().get(keys::kUsers + name));
  ORRERY_CHECK(Users(api.registry()).remove(input.caller, name));
  Json json = record ? parse_object(record->value) : Json::object();
  json.erase("token");
  return Output{.body = std::move(json)};
}

Outcome<Output> show_me(const Api& /*api*/, const Input& input) {
  return Output{.body = {{"name", input.caller.name}, {"role", name_of(input.caller.role)}}};
}

}  // namespace orrery::cluster::api
