// Making and changing the JSON of a header.
#include <nlohmann/json.hpp>

#include "base/encoding/base64.hpp"
#include "storage/luks/layout.hpp"
#include "storage/luks/metadata.hpp"

namespace orrery::storage::luks {
namespace {

using nlohmann::json;

json make_derivation(const KeyDerivation& how) {
  json kdf{{"type", name_of(how.kind)}, {"salt", to_base64(how.salt)}};
  if (how.kind == KeyDerivation::Kind::kPbkdf2) {
    kdf["hash"] = how.hash;
    kdf["iterations"] = how.iterations;
  } else {
    kdf["time"] = how.iterations;
    kdf["memory"] = how.memory;
    kdf["cpus"] = how.lanes;
  }
  return kdf;
}

}  // namespace

json make_document(const Segment& segment, const KeyDigest& digest, bool allow_discards) {
  json document;
  document["keyslots"] = json::object();
  document["tokens"] = json::object();
  document["segments"]["0"] = {{"type", "crypt"},
                               {"offset", std::to_string(segment.offset)},
                               {"size", "dynamic"},
                               {"iv_tweak", std::to_string(segment.first_unit)},
                               {"encryption", "aes-xts-plain64"},
                               {"sector_size", segment.sector_size}};
  document["digests"]["0"] = {{"type", "pbkdf2"},
                              {"keyslots", json::array()},
                              {"segments", {"0"}},
                              {"hash", digest.hash},
                              {"iterations", digest.iterations},
                              {"salt", to_base64(digest.salt)},
                              {"digest", to_base64(digest.digest)}};
  document["config"] = {{"json_size", std::to_string(kNewHeader - kBinaryLength)},
                        {"keyslots_size", std::to_string(kNewKeyslotsSize)}};
  if (allow_discards) document["config"]["flags"] = {"allow-discards"};
  return document;
}

void add_keyslot(json& document, const Keyslot& slot, unsigned digest) {
  const std::string number = std::to_string(slot.number);
  document["keyslots"][number] = {
      {"type", "luks2"},
      {"key_size", slot.key_size},
      {"af", {{"type", "luks1"}, {"stripes", slot.stripes}, {"hash", slot.split_hash}}},
      {"area",
       {{"type", "raw"},
        {"offset", std::to_string(slot.area.offset)},
        {"size", std::to_string(slot.area.size)},
        {"encryption", "aes-xts-plain64"},
        {"key_size", slot.area_key_size}}},
      {"kdf", make_derivation(slot.derivation)}};
  document["digests"][std::to_string(digest)]["keyslots"].push_back(number);
}

// Also out of tokens, which name slots as digests do.
void remove_keyslot(json& document, unsigned number) {
  const json name = std::to_string(number);
  document["keyslots"].erase(name.get<std::string>());
  for (const char* part : {"digests", "tokens"}) {
    if (!document.contains(part) || !document[part].is_object()) continue;
    for (json& each : document[part]) {
      if (!each.is_object() || !each.contains("keyslots") || !each["keyslots"].is_array()) continue;
      json kept = json::array();
      for (const json& slot : each["keyslots"]) {
        if (slot != name) kept.push_back(slot);
      }
      each["keyslots"] = std::move(kept);
    }
  }
}

}  // namespace orrery::storage::luks
