#include "storage/luks/json_fields.hpp"

#include <charconv>

#include "base/encoding/base64.hpp"
#include "base/format.hpp"
#include "storage/luks/layout.hpp"

namespace orrery::storage::luks {
namespace {

template <typename T>
std::optional<T> parse_decimal(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (text.empty() || code != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Result<unsigned> parse_slot_number(std::string_view text) {
  const auto number = parse_decimal<unsigned>(text);
  if (number && *number < kMostSlots && std::to_string(*number) == text) return *number;
  return fail(format("\"{}\" is no number from 0 to {}", text, kMostSlots - 1));
}

Error JsonFields::damaged(std::string_view key, std::string_view problem) const {
  return Error(format("damaged: {}: \"{}\" {}", what_, key, problem));
}

Result<const nlohmann::json*> JsonFields::find(const char* key) const {
  if (!has(key)) return fail(damaged(key, "is missing"));
  return &object_.at(key);
}

Result<JsonFields> JsonFields::object(const char* key) const {
  ORRERY_TRY(const nlohmann::json* const value, find(key));
  if (!value->is_object()) return fail(damaged(key, "is not an object"));
  return JsonFields(*value, what_ + ": " + key);
}

Result<std::string> JsonFields::text(const char* key) const {
  ORRERY_TRY(const nlohmann::json* const value, find(key));
  if (!value->is_string()) return fail(damaged(key, "is not a text"));
  return value->get<std::string>();
}

Result<std::uint32_t> JsonFields::number(const char* key, std::uint32_t least,
                                         std::uint32_t most) const {
  ORRERY_TRY(const nlohmann::json* const value, find(key));
  if (!value->is_number_unsigned()) return fail(damaged(key, "is not a whole number"));
  const auto number = value->get<std::uint64_t>();
  if (number < least || number > most) {
    return fail(damaged(key, format("is {}, and not from {} to {}", number, least, most)));
  }
  return static_cast<std::uint32_t>(number);
}

Result<std::uint64_t> JsonFields::size(const char* key) const {
  ORRERY_TRY(const std::string text, this->text(key));
  const auto value = parse_decimal<std::uint64_t>(text);
  if (!value) return fail(damaged(key, "is not a number of 64 bits, as text"));
  return *value;
}

Result<std::vector<std::byte>> JsonFields::base64(const char* key) const {
  ORRERY_TRY(const std::string text, this->text(key));
  const auto bytes = from_base64(text);
  if (!bytes) return fail(damaged(key, "is not base64"));
  return *bytes;
}

Result<std::vector<unsigned>> JsonFields::numbers(const char* key) const {
  ORRERY_TRY(const nlohmann::json* const value, find(key));
  if (!value->is_array()) return fail(damaged(key, "is not a list"));
  std::vector<unsigned> numbers;
  for (const nlohmann::json& each : *value) {
    if (!each.is_string()) return fail(damaged(key, "has what is not a text"));
    const auto number = parse_slot_number(each.get_ref<const std::string&>());
    if (!number) return fail(damaged(key, number.error().message()));
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace orrery::storage::luks
