// Users, their tokens, and who a token belongs to. Of a token only its digest is kept.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/registry/registry.hpp"

namespace orrery::cluster {

struct User {
  std::string name = {};
  Role role = Role::kViewer;
  std::string token = {};  // its digest
};
Json to_json(const User& user);
User user_of(const Json& json);

class Users {
 public:
  explicit Users(const Registry& registry) : registry_(registry) {}

  // The new user's token, which nobody can tell again.
  Outcome<std::string> create(const Caller& caller, const std::string& name, Role role);
  Outcome<> remove(const Caller& caller, const std::string& name);

  // Where there are no users at all: makes one, the administrator "admin", and returns its token.
  Outcome<std::optional<std::string>> create_first();

  // Whose TOKEN it is: a user's, or a platform's agent's.
  Outcome<Caller> find(const std::string& token) const;

 private:
  const Registry& registry_;
};

}  // namespace orrery::cluster
