// The panel's routes: one table, from which routing, rights, what a body may have, help and the
// OpenAPI document derive.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cluster/registry/registry.hpp"
#include "http/request.hpp"

namespace orrery::cluster::api {

class Api;

enum class Type : std::uint8_t { kText, kNumber, kFlag, kTexts, kTextMap, kObject, kList };

// Of a body, of a query, or of an answer.
struct Field {
  std::string_view name;
  Type type;
  std::string_view help;
  bool required = false;
};

// What an answer is made of, for the document: a name and its fields.
struct Schema {
  std::string_view name;
  std::span<const Field> fields;
};

enum class Shape : std::uint8_t {
  kOne,   // the object
  kPage,  // {"items": [objects], "next": what to pass as `after` for the next page}
  kText,  // no JSON
};

// One request, with what its route says of it already checked.
struct Input {
  const http::Request& request;
  Caller caller;
  std::map<std::string, std::string> names;  // of the path's parts in braces
  Json body = Json();

  const std::string& name(const char* part) const { return names.at(part); }
};

struct Output {
  unsigned status = 200;
  Json body = Json();
  std::optional<Revision> revision = {};  // becomes the ETag
  std::string text = {};                  // of Shape::kText
  std::string_view type = "application/json";
};

// What a WebSocket is for.
enum class Speaker : std::uint8_t { kNobody, kLink, kConsole, kConsoleHost, kEvents, kFigures };

struct Route {
  http::Method method;
  std::string_view path;  // "/v1/vms/{vm}"
  Roles roles;
  std::string_view summary;
  std::span<const Field> body;
  std::span<const Field> query;
  Schema answer;
  Shape shape;
  Outcome<Output> (*serve)(const Api& api, const Input& input);  // none: it speaks WebSocket
  Speaker speaker = Speaker::kNobody;
};

std::span<const Route> routes();

// A route and the parts of PATH that its braces stand for.
struct Match {
  const Route* route = nullptr;
  std::map<std::string, std::string> names = {};
};
// Without a route: none has this path, or (`methods` then) only others than METHOD have.
struct Found {
  std::optional<Match> match;
  std::string methods;  // "GET, DELETE"
};
Found find_route(http::Method method, std::string_view path);

// Every role there is, and who has none.
inline constexpr Roles kEverybody{~0U};

}  // namespace orrery::cluster::api
