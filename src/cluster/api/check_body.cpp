#include "cluster/api/check_body.hpp"

#include <algorithm>
#include <array>

#include "base/format.hpp"

namespace orrery::cluster::api {
namespace {

using Kind = Refusal::Kind;

template <typename T>
bool reads_as(const Json& json) {
  T value{};
  return read(json, value);
}

struct KnownType {
  std::string_view description;
  bool (*is_of)(const Json& json);
};
// In the order of Type.
constexpr std::array kTypes{
    KnownType{"a text", reads_as<std::string>},
    KnownType{"a whole number", [](const Json& json) { return json.is_number_integer(); }},
    KnownType{"true or false", reads_as<bool>},
    KnownType{"a list of texts", reads_as<std::vector<std::string>>},
    KnownType{"an object of texts", reads_as<std::map<std::string, std::string>>},
    KnownType{"an object", [](const Json& json) { return json.is_object(); }},
    KnownType{"a list", [](const Json& json) { return json.is_array(); }},
};

const Field* find(std::span<const Field> fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? nullptr : &*found;
}

std::string names_of(std::span<const Field> fields) {
  std::string names;
  for (const Field& each : fields) names += format("{}{}", names.empty() ? "" : ", ", each.name);
  return names.empty() ? "nothing" : names;
}

}  // namespace

std::string_view description_of(Type type) {
  return kTypes.at(static_cast<std::size_t>(type)).description;
}

bool is_of(Type type, const Json& json) {
  return kTypes.at(static_cast<std::size_t>(type)).is_of(json);
}

Outcome<Json> check_body(const Route& route, const http::Request& request) {
  if (request.body.empty() && std::ranges::none_of(route.body, &Field::required)) {
    return Json::object();
  }
  Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return refuse(Kind::kInvalid, "the body is no object in JSON");
  for (const auto& [name, value] : body.items()) {
    const Field* const known = find(route.body, name);
    if (known == nullptr) {
      return refuse(Kind::kInvalid, format("the body takes {}, and no {}", names_of(route.body),
                                           name.substr(0, 100)));
    }
    if (!is_of(known->type, value)) {
      return refuse(Kind::kInvalid, format("{} is {}", name, description_of(known->type)));
    }
  }
  for (const Field& each : route.body) {
    if (each.required && !body.contains(each.name)) {
      return refuse(Kind::kInvalid, format("the body has no {} ({})", each.name, each.help));
    }
  }
  return body;
}

Outcome<> check_query(const Route& route, const http::Request& request) {
  for (const auto& [name, value] : request.query) {
    if (find(route.query, name) != nullptr) continue;
    return refuse(Kind::kInvalid, format("the query takes {}, and no {}", names_of(route.query),
                                         name.substr(0, 100)));
  }
  return {};
}

}  // namespace orrery::cluster::api
