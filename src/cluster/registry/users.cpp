#include "cluster/registry/users.hpp"

#include "base/format.hpp"
#include "cluster/registry/edit.hpp"
#include "cluster/registry/keys.hpp"

namespace orrery::cluster {

using Kind = Refusal::Kind;

Json to_json(const User& user) {
  return {{"name", user.name}, {"role", name_of(user.role)}, {"token", user.token}};
}

User user_of(const Json& json) {
  return {.name = text_field(json, "name"),
          .role = role_of(text_field(json, "role")).value_or(Role::kViewer),
          .token = text_field(json, "token")};
}

Outcome<std::string> Users::create(const Caller& caller, const std::string& name, Role role) {
  ORRERY_CHECK(check_name(name));
  if (role == Role::kHost) {
    return refuse(Kind::kInvalid, "an agent is no user: it joins by `orrery host --join`");
  }
  const std::string token = "user-" + registry_.random_text();
  const User user{.name = name, .role = role, .token = digest_of(token)};
  Edit edit(registry_, caller);
  edit.transaction().expect(keys::kUsers + name, Revision());
  edit.transaction().put(keys::kUsers + name, to_text(to_json(user)));
  edit.transaction().put(keys::kTokens + user.token, to_text({{"user", name}}));
  edit.event("created", keys::kUsers + name, std::string(name_of(role)));
  const auto committed = edit.commit();
  if (committed) return token;
  if (committed.error().kind != Kind::kRaced) return std::unexpected(committed.error());
  return refuse(Kind::kConflict, format("there is a user {} already", name));
}

Outcome<> Users::remove(const Caller& caller, const std::string& name) {
  ORRERY_TRY(const auto record, registry_.database().get(keys::kUsers + name));
  if (!record) return refuse(Kind::kNotFound, format("there is no user {}", name));
  if (name == caller.name) return refuse(Kind::kConflict, "nobody removes himself");
  Edit edit(registry_, caller);
  edit.transaction().remove(record->key);
  edit.transaction().remove(keys::kTokens + user_of(parse_object(record->value)).token);
  edit.event("removed", record->key, "");
  ORRERY_CHECK(edit.commit());
  return {};
}

Outcome<std::optional<std::string>> Users::create_first() {
  ORRERY_TRY(const auto users, registry_.database().list(keys::kUsers, "", 1));
  if (!users.empty()) return std::nullopt;
  const Caller panel{.name = "panel", .role = Role::kAdministrator};
  auto token = create(panel, "admin", Role::kAdministrator);
  if (token) return *token;
  if (token.error().kind == Refusal::Kind::kConflict) return std::nullopt;  // another panel has
  return std::unexpected(token.error());
}

Outcome<Caller> Users::find(const std::string& token) const {
  const auto unknown = [] {
    return refuse(Kind::kUnknownUser, "nobody has this token; send Authorization: Bearer TOKEN");
  };
  if (token.empty()) return unknown();
  const std::string digest = digest_of(token);
  ORRERY_TRY(const auto of_user, registry_.database().get(keys::kTokens + digest));
  if (of_user) {
    const std::string name = text_field(parse_object(of_user->value), "user");
    ORRERY_TRY(const auto record, registry_.database().get(keys::kUsers + name));
    if (!record) return unknown();
    const User user = user_of(parse_object(record->value));
    return Caller{.name = user.name, .role = user.role};
  }
  ORRERY_TRY(const auto of_host, registry_.database().get(keys::kHosts + digest));
  if (!of_host) return unknown();
  return Caller{.name = text_field(parse_object(of_host->value), "platform"), .role = Role::kHost};
}

}  // namespace orrery::cluster
