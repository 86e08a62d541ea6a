#include "vmm/control/request.hpp"

#include <nlohmann/json.hpp>

namespace orrery::vmm::control {
namespace {

using Json = nlohmann::json;

Json parse_object(std::string_view line) {
  Json parsed = Json::parse(line, nullptr, false);
  return parsed.is_object() ? parsed : Json();
}

bool has_text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string();
}

}  // namespace

Result<Json> parse_request(std::string_view line) {
  Json request = parse_object(line);
  if (request.is_null()) {
    return fail(R"(a request is a line with one JSON object, such as {"command": "status"})");
  }
  if (!has_text(request, "command")) return fail(R"(the request has no text "command")");
  return request;
}

// Texts of ours may hold what is no UTF-8, such as file names; a reader gets U+FFFD for it.
std::string answer_line(const Result<Json>& fields) {
  Json answer = fields ? *fields : Json{{"error", fields.error().message()}};
  answer["ok"] = fields.has_value();
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

Result<Json> parse_answer(std::string_view line) {
  Json answer = parse_object(line);
  const auto ok = answer.is_null() ? answer.end() : answer.find("ok");
  if (answer.is_null() || ok == answer.end() || !ok->is_boolean()) {
    return fail("the answer is none of a VM of Orrery's");
  }
  if (ok->get<bool>()) {
    answer.erase("ok");
    return answer;
  }
  return fail(has_text(answer, "error") ? answer["error"].get<std::string>() : "no reason is told");
}

}  // namespace orrery::vmm::control
