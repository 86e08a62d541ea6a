// The API about itself: help, and the OpenAPI document (version 3.1), both out of the table.
#include <algorithm>
#include <array>
#include <set>

#include "base/format.hpp"
#include "cluster/api/api.hpp"
#include "cluster/api/check_body.hpp"
#include "cluster/api/handlers.hpp"

namespace orrery::cluster::api {
namespace {

std::string names_of(Roles roles) {
  if (roles.bits == kEverybody.bits) return "everybody";
  std::string names;
  for (const KnownRole& known : kRoles) {
    if (!roles.contains(known.role)) continue;
    names += format("{}{}", names.empty() ? "" : ", ", known.name);
  }
  return names;
}

// JSON Schema of Type, in its order.
Json schema_of(Type type) {
  static const std::array<Json, 7> kSchemas{
      Json{{"type", "string"}},
      Json{{"type", "integer"}},
      Json{{"type", "boolean"}},
      Json{{"type", "array"}, {"items", {{"type", "string"}}}},
      Json{{"type", "object"}, {"additionalProperties", {{"type", "string"}}}},
      Json{{"type", "object"}},
      Json{{"type", "array"}},
  };
  return kSchemas.at(static_cast<std::size_t>(type));
}

Json schema_of(std::span<const Field> fields) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Field& each : fields) {
    Json schema = schema_of(each.type);
    schema["description"] = each.help;
    properties[std::string(each.name)] = std::move(schema);
    if (each.required) required.push_back(each.name);
  }
  Json schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Json reference_to(const Schema& schema) {
  return {{"$ref", format("#/components/schemas/{}", schema.name)}};
}

Json answer_of(const Route& route) {
  if (route.speaker != Speaker::kNobody) {
    return {{"101", {{"description", "WebSocket from now on"}}}};
  }
  Json schema = reference_to(route.answer);
  if (route.shape == Shape::kPage) {
    schema = {{"type", "object"},
              {"properties",
               {{"items", {{"type", "array"}, {"items", reference_to(route.answer)}}},
                {"next", {{"description", "`after` for the next page; null: this is the last"}}}}}};
  }
  Json content{{"application/json", {{"schema", std::move(schema)}}}};
  if (route.shape == Shape::kText) content = {{"text/plain", Json::object()}};
  return {{"2XX", {{"description", "done"}, {"content", std::move(content)}}},
          {"4XX", {{"$ref", "#/components/responses/Refusal"}}},
          {"5XX", {{"$ref", "#/components/responses/Refusal"}}}};
}

Json parameter(std::string_view where, const Field& field) {
  return {{"name", field.name},
          {"in", where},
          {"required", where == "path"},
          {"description", field.help},
          {"schema", schema_of(field.type)}};
}

Json parameters_of(const Route& route) {
  Json parameters = Json::array();
  std::string_view rest = route.path;
  for (std::size_t at = 0; (at = rest.find('{')) != std::string_view::npos;) {
    rest.remove_prefix(at + 1);
    const std::string_view name = rest.substr(0, rest.find('}'));
    parameters.push_back(parameter("path", {name, Type::kText, "a name"}));
  }
  for (const Field& each : route.query) parameters.push_back(parameter("query", each));
  if (route.method == http::Method::kGet) return parameters;
  parameters.push_back(parameter(
      "header", {"Idempotency-Key", Type::kText,
                 "of your choice: a request with the same key is done once, within a day"}));
  return parameters;
}

Json operation_of(const Route& route) {
  Json operation{{"summary", route.summary},
                 {"description", format("For {}.", names_of(route.roles))},
                 {"parameters", parameters_of(route)},
                 {"responses", answer_of(route)}};
  if (route.roles.bits == kEverybody.bits) operation["security"] = Json::array();
  if (!route.body.empty()) {
    operation["requestBody"] = {
        {"required", std::ranges::any_of(route.body, &Field::required)},
        {"content", {{"application/json", {{"schema", schema_of(route.body)}}}}}};
  }
  return operation;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& each : result) {
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each - 'A' + 'a');
  }
  return result;
}

}  // namespace

Outcome<Output> show_help(const Api& /*api*/, const Input& /*input*/) {
  std::string text = "The API of this control panel. As a document: GET /v1/openapi.json\n\n";
  for (const Route& route : routes()) {
    text += format("{:<7}{:<36}{} ({})\n", name_of(route.method), route.path, route.summary,
                   names_of(route.roles));
    for (const Field& each : route.query) {
      text += format("         ?{:<10} {}\n", each.name, each.help);
    }
    for (const Field& each : route.body) {
      text += format("         {:<11} {}, {}{}\n", each.name, description_of(each.type), each.help,
                     each.required ? "; required" : "");
    }
  }
  return Output{.text = std::move(text), .type = "text/plain; charset=utf-8"};
}

Outcome<Output> show_openapi(const Api& /*api*/, const Input& /*input*/) {
  Json paths = Json::object();
  Json schemas = Json::object();
  for (const Route& route : routes()) {
    paths[std::string(route.path)][lower(name_of(route.method))] = operation_of(route);
    schemas[std::string(route.answer.name)] = schema_of(route.answer.fields);
  }
  const Json refusal{
      {"description", "it was not done"},
      {"content",
       {{"application/json",
         {{"schema",
           {{"type", "object"},
            {"properties",
             {{"error",
               {{"type", "object"},
                {"properties",
                 {{"kind", {{"type", "string"}}}, {"message", {{"type", "string"}}}}}}}}}}}}}}}};
  const Json document{
      {"openapi", "3.1.0"},
      {"info", {{"title", "Orrery's control panel"}, {"version", "1"}}},
      {"security", Json::array({{{"token", Json::array()}}})},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", std::move(schemas)},
        {"responses", {{"Refusal", refusal}}},
        {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  return Output{.text = to_text(document, 2) + "\n", .type = "application/json"};
}

}  // namespace orrery::cluster::api
