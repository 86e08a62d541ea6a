// Fields of a JSON object that must be there, with errors that say which is wrong. Private to
// storage/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace orrery::storage::luks {

class JsonFields {
 public:
  // WHAT: for errors, such as "keyslot 1".
  JsonFields(const nlohmann::json& object, std::string what)
      : object_(object), what_(std::move(what)) {}

  Error damaged(std::string_view key, std::string_view problem) const;
  const std::string& what() const { return what_; }
  const nlohmann::json& json() const { return object_; }

  bool has(const char* key) const { return object_.is_object() && object_.contains(key); }
  Result<JsonFields> object(const char* key) const;
  Result<std::string> text(const char* key) const;
  Result<std::uint32_t> number(const char* key, std::uint32_t least, std::uint32_t most) const;
  // 64 bits, which JSON has as text.
  Result<std::uint64_t> size(const char* key) const;
  Result<std::vector<std::byte>> base64(const char* key) const;
  // An array of numbers as text, "0" to "31".
  Result<std::vector<unsigned>> numbers(const char* key) const;

 private:
  Result<const nlohmann::json*> find(const char* key) const;

  const nlohmann::json& object_;
  const std::string what_;
};

// Of the keys that name keyslots, segments and digests.
Result<unsigned> parse_slot_number(std::string_view text);

}  // namespace orrery::storage::luks
