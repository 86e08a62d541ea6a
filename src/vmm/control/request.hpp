// Lines of the control socket: JSON objects, one for each request and each answer
// (docs/formats/control.md).
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/error.hpp"

namespace orrery::vmm::control {

// Without the end of line. More than any request needs; a longer one ends the connection.
inline constexpr std::size_t kLongestLine = std::size_t{64} * 1024;

// The object in a line that has the text "command". Errors say what is wrong with the line.
Result<nlohmann::json> parse_request(std::string_view line);

// A line, with its end. FIELDS: an object, what was asked for; an error instead, where it failed.
std::string answer_line(const Result<nlohmann::json>& fields);

// What a server answered: the fields, or the error that it told.
Result<nlohmann::json> parse_answer(std::string_view line);

}  // namespace orrery::vmm::control
