// Reading JSON that may be anything: a field of another type is as one that is not there.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace orrery::cluster {

using Json = nlohmann::json;

// An object; anything else becomes an empty one.
inline Json parse_object(std::string_view text) {
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_object() ? parsed : Json::object();
}

// For texts that may hold what is no UTF-8, such as file names; a reader gets U+FFFD for it.
inline std::string to_text(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// nullptr: there is none.
inline const Json* find_field(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

template <std::integral T>
bool read(const Json& json, T& value) {
  if (!json.is_number_integer()) return false;
  const bool fits = json.is_number_unsigned() ? std::in_range<T>(json.get<std::uint64_t>())
                                              : std::in_range<T>(json.get<std::int64_t>());
  if (fits) value = json.get<T>();
  return fits;
}
inline bool read(const Json& json, bool& value) {
  if (json.is_boolean()) value = json.get<bool>();
  return json.is_boolean();
}
inline bool read(const Json& json, double& value) {
  if (json.is_number()) value = json.get<double>();
  return json.is_number();
}
inline bool read(const Json& json, std::string& value) {
  if (json.is_string()) value = json.get<std::string>();
  return json.is_string();
}
// A list of texts, or one text alone.
inline bool read(const Json& json, std::vector<std::string>& values) {
  values.clear();
  if (json.is_string()) values.push_back(json.get<std::string>());
  if (!json.is_array()) return json.is_string();
  for (const Json& each : json) {
    std::string text;
    if (!read(each, text)) return false;
    values.push_back(std::move(text));
  }
  return true;
}
template <typename T>
bool read(const Json& json, std::map<std::string, T>& values) {
  values.clear();
  if (!json.is_object()) return false;
  for (const auto& [name, each] : json.items()) {
    if (!read(each, values[name])) return false;
  }
  return true;
}

template <typename T>
T field(const Json& object, std::string_view name, T fallback) {
  const Json* const found = find_field(object, name);
  T value{};
  return found != nullptr && read(*found, value) ? value : fallback;
}
inline std::string text_field(const Json& object, std::string_view name) {
  return field(object, name, std::string());
}

}  // namespace orrery::cluster
