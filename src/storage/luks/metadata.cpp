#include "storage/luks/metadata.hpp"

#include <algorithm>
#include <climits>

#include <nlohmann/json.hpp>

#include "base/bits.hpp"
#include "base/encoding/base64.hpp"
#include "base/format.hpp"
#include "storage/luks/crypto.hpp"
#include "storage/luks/json_fields.hpp"
#include "storage/luks/layout.hpp"

namespace orrery::storage::luks {
namespace {

using nlohmann::json;

constexpr std::string_view kCipher = "aes-xts-plain64";

bool is_key_size(std::uint32_t size) {
  return size == 32 || size == 64;
}

Result<Area> read_area(const JsonFields& slot) {
  ORRERY_TRY(const JsonFields fields, slot.object("area"));
  Area area;
  ORRERY_TRY(area.offset, fields.size("offset"));
  ORRERY_TRY(area.size, fields.size("size"));
  return area;
}

Result<KeyDerivation> read_derivation(const JsonFields& slot, std::string& unsupported) {
  ORRERY_TRY(const JsonFields fields, slot.object("kdf"));
  ORRERY_TRY(const std::string type, fields.text("type"));
  KeyDerivation how;
  ORRERY_TRY(how.salt, fields.base64("salt"));
  const auto kind = parse_derivation(type);
  if (!kind) {
    unsupported = format("derives its key by \"{}\"", type);
    return how;
  }
  how.kind = *kind;
  if (*kind == KeyDerivation::Kind::kPbkdf2) {
    ORRERY_TRY(how.hash, fields.text("hash"));
    ORRERY_TRY(how.iterations, fields.number("iterations", 1, INT_MAX));
    if (hash_size(how.hash) == 0) unsupported = format("hashes by \"{}\"", how.hash);
    return how;
  }
  if (how.salt.size() < 8) return fail(fields.damaged("salt", "has less than 8 bytes"));
  ORRERY_TRY(how.iterations, fields.number("time", 1, UINT32_MAX));
  ORRERY_TRY(how.lanes, fields.number("cpus", 1, KeyDerivation::kMostLanes));
  ORRERY_TRY(how.memory, fields.number("memory", 8 * how.lanes, KeyDerivation::kMostMemory));
  return how;
}

// What has another type has an area nevertheless, which nobody else may have.
Result<> read_key_parts(const JsonFields& fields, Keyslot& slot) {
  ORRERY_TRY(const std::string type, fields.text("type"));
  if (type != "luks2") {
    slot.unsupported = format("is of type \"{}\"", type);
    return {};
  }
  ORRERY_TRY(slot.key_size, fields.number("key_size", 1, 512));
  ORRERY_TRY(slot.derivation, read_derivation(fields, slot.unsupported));
  ORRERY_TRY(const JsonFields area, fields.object("area"));
  ORRERY_TRY(const std::string area_type, area.text("type"));
  ORRERY_TRY(const std::string cipher, area.text("encryption"));
  ORRERY_TRY(slot.area_key_size, area.number("key_size", 1, 512));
  ORRERY_TRY(const JsonFields split, fields.object("af"));
  ORRERY_TRY(const std::string split_type, split.text("type"));
  ORRERY_TRY(slot.stripes, split.number("stripes", 1, 1u << 16));
  ORRERY_TRY(slot.split_hash, split.text("hash"));
  if (area_type != "raw") slot.unsupported = format("keeps its key in a \"{}\"", area_type);
  if (cipher != kCipher || !is_key_size(slot.area_key_size)) {
    slot.unsupported = format("is encrypted by {} with {} bits", cipher, slot.area_key_size * 8);
  }
  if (!is_key_size(slot.key_size)) {
    slot.unsupported = format("holds a key of {} bits", slot.key_size * 8);
  }
  if (split_type != "luks1" || hash_size(slot.split_hash) == 0) {
    slot.unsupported = format("is split by {} with \"{}\"", split_type, slot.split_hash);
  }
  const std::uint64_t material = std::uint64_t{slot.key_size} * slot.stripes;
  if (align_up(material, std::uint64_t{512}) > slot.area.size) {
    return fail(
        fields.damaged("area", format("of {} bytes has no room for {}", slot.area.size, material)));
  }
  return {};
}

Result<Keyslot> read_keyslot(const JsonFields& fields, unsigned number) {
  Keyslot slot;
  slot.number = number;
  ORRERY_TRY(slot.area, read_area(fields));
  if (fields.has("priority")) {
    ORRERY_TRY(const std::uint32_t priority, fields.number("priority", 0, 2));
    slot.priority = static_cast<Keyslot::Priority>(priority);
  }
  ORRERY_CHECK(read_key_parts(fields, slot));
  return slot;
}

// Behind both headers, within what is for key slots, and none over another.
Result<> check_areas(std::vector<Keyslot> slots, std::uint64_t begin, std::uint64_t end) {
  std::ranges::sort(slots, {}, [](const Keyslot& slot) { return slot.area.offset; });
  for (const Keyslot& slot : slots) {
    const auto& [offset, size] = slot.area;
    if (size == 0 || offset % kAreaAlignment != 0 || size % kAreaAlignment != 0 || offset < begin ||
        offset > end || size > end - offset) {
      return fail(
          format("damaged: keyslot {}: its area ({} bytes at {}) is not within what is for "
                 "key slots ({} to {}) or over another",
                 slot.number, size, offset, begin, end));
    }
    begin = offset + size;
  }
  return {};
}

Result<std::vector<Keyslot>> read_keyslots(const JsonFields& root) {
  ORRERY_TRY(const JsonFields all, root.object("keyslots"));
  std::vector<Keyslot> slots;
  for (const auto& [key, value] : all.json().items()) {
    const auto number = parse_slot_number(key);
    if (!number) return fail(all.damaged(key, number.error().message()));
    ORRERY_TRY(Keyslot slot, read_keyslot({value, "keyslot " + key}, *number));
    slots.push_back(std::move(slot));
  }
  std::ranges::sort(slots, {}, &Keyslot::number);
  return slots;
}

// What makes a segment one that cannot be read by decrypting alone.
Result<> check_segment_kind(const JsonFields& fields) {
  ORRERY_TRY(const std::string type, fields.text("type"));
  if (type != "crypt") {
    return fail(format("{}: is of type \"{}\"; Orrery takes \"crypt\"", fields.what(), type));
  }
  ORRERY_TRY(const std::string cipher, fields.text("encryption"));
  if (cipher != kCipher) {
    return fail(format("{}: is encrypted by {}; Orrery takes {}", fields.what(), cipher, kCipher));
  }
  if (fields.has("integrity")) {
    return fail(format("{}: keeps tags of integrity (dm-integrity), which Orrery does not know",
                       fields.what()));
  }
  if (fields.has("flags")) {
    const json& flags = fields.json().at("flags");
    if (!flags.is_array()) return fail(fields.damaged("flags", "is not a list"));
    if (!flags.empty()) {
      return fail(
          format("{}: has flags {}, which Orrery does not know; a reencryption may be "
                 "under way: finish it with `cryptsetup reencrypt --resume-only`",
                 fields.what(), flags.dump(-1, ' ', false, json::error_handler_t::replace)));
    }
  }
  return {};
}

Result<Segment> read_segment(const JsonFields& root, std::string& number) {
  ORRERY_TRY(const JsonFields all, root.object("segments"));
  if (all.json().size() != 1) {
    return fail(format("has {} segments; Orrery takes disks of one", all.json().size()));
  }
  number = all.json().begin().key();
  const JsonFields fields(all.json().front(), "segment " + number);
  ORRERY_CHECK(check_segment_kind(fields));
  Segment segment;
  ORRERY_TRY(segment.offset, fields.size("offset"));
  ORRERY_TRY(segment.first_unit, fields.size("iv_tweak"));
  ORRERY_TRY(segment.sector_size, fields.number("sector_size", 512, 4096));
  if (!std::has_single_bit(segment.sector_size)) {
    return fail(fields.damaged("sector_size", "is not 512, 1024, 2048 or 4096"));
  }
  ORRERY_TRY(const std::string size, fields.text("size"));
  if (size != "dynamic") {
    ORRERY_TRY(segment.size, fields.size("size"));
  }
  return segment;
}

Result<> check_segment(const Segment& segment, std::uint64_t least, std::uint64_t disk_size) {
  const std::uint64_t begin = segment.offset;
  if (begin % 512 != 0 || begin < least || begin >= disk_size) {
    return fail(
        format("wrong size: the encrypted disk begins at {}, the header ends at {}, and "
               "there are {} bytes in all: is the file cut off?",
               begin, least, disk_size));
  }
  const std::uint64_t rest = disk_size - begin;
  const std::uint64_t size = segment.size.value_or(rest);
  if (size > rest || size == 0 || size % segment.sector_size != 0) {
    return fail(
        format("wrong size: {} bytes of whole sectors of {} bytes are expected at {}, and "
               "{} bytes are there; give the file back the size it had",
               size, segment.sector_size, begin, rest));
  }
  return {};
}

Result<KeyDigest> read_digest(const JsonFields& root, const std::string& segment) {
  ORRERY_TRY(const JsonFields all, root.object("digests"));
  for (const auto& [key, value] : all.json().items()) {
    const JsonFields fields(value, "digest " + key);
    ORRERY_TRY(const auto segments, fields.numbers("segments"));
    const auto of_segment = [&](unsigned each) { return std::to_string(each) == segment; };
    if (std::ranges::none_of(segments, of_segment)) continue;
    ORRERY_TRY(const std::string type, fields.text("type"));
    if (type != "pbkdf2") {
      return fail(format("{}: is of type \"{}\"; Orrery takes pbkdf2", fields.what(), type));
    }
    KeyDigest digest;
    const auto number = parse_slot_number(key);
    if (!number) return fail(all.damaged(key, number.error().message()));
    digest.number = *number;
    ORRERY_TRY(digest.keyslots, fields.numbers("keyslots"));
    ORRERY_TRY(digest.hash, fields.text("hash"));
    ORRERY_TRY(digest.iterations, fields.number("iterations", 1, INT_MAX));
    ORRERY_TRY(digest.salt, fields.base64("salt"));
    ORRERY_TRY(digest.digest, fields.base64("digest"));
    if (hash_size(digest.hash) == 0) {
      return fail(
          format("{}: hashes by \"{}\", which Orrery does not know", fields.what(), digest.hash));
    }
    if (digest.digest.empty() || digest.digest.size() > 64) {
      return fail(fields.damaged("digest", "has no size of a digest"));
    }
    return digest;
  }
  return fail(format("damaged: segment {} has no digest of its key", segment));
}

Result<> read_config(const JsonFields& root, std::uint64_t header_size, Metadata& metadata) {
  ORRERY_TRY(const JsonFields config, root.object("config"));
  ORRERY_TRY(const std::uint64_t json_size, config.size("json_size"));
  if (json_size != header_size - kBinaryLength) {
    return fail(config.damaged("json_size", format("is {}, and the header has room for {}",
                                                   json_size, header_size - kBinaryLength)));
  }
  ORRERY_TRY(metadata.keyslots_size, config.size("keyslots_size"));
  if (metadata.keyslots_size % kAreaAlignment != 0) {
    return fail(config.damaged("keyslots_size", "is no multiple of 4096"));
  }
  if (config.has("flags")) {
    const json& flags = config.json().at("flags");
    if (!flags.is_array()) return fail(config.damaged("flags", "is not a list"));
    metadata.allow_discards = std::ranges::find(flags, json("allow-discards")) != flags.end();
  }
  if (!config.has("requirements")) return {};
  ORRERY_TRY(const JsonFields requirements, config.object("requirements"));
  if (!requirements.has("mandatory")) return {};
  const json& needed = requirements.json().at("mandatory");
  if (!needed.is_array()) return fail(requirements.damaged("mandatory", "is not a list"));
  if (needed.empty()) return {};
  return fail(
      format("requires {}, which Orrery does not know; a reencryption may be under way: "
             "finish it with `cryptsetup reencrypt --resume-only`",
             needed.dump(-1, ' ', false, json::error_handler_t::replace)));
}

}  // namespace

Result<json> parse_document(std::string_view text) {
  json document = json::parse(text, nullptr, false);
  if (document.is_discarded() || !document.is_object()) {
    return fail("damaged: what its LUKS header says is not a JSON object");
  }
  return document;
}

Result<Metadata> read_metadata(const json& document, std::uint64_t header_size,
                               std::uint64_t disk_size) {
  const JsonFields root(document, "LUKS header");
  Metadata metadata;
  ORRERY_CHECK(read_config(root, header_size, metadata));
  ORRERY_TRY(metadata.keyslots, read_keyslots(root));
  std::string segment;
  ORRERY_TRY(metadata.segment, read_segment(root, segment));
  ORRERY_TRY(metadata.digest, read_digest(root, segment));
  const std::uint64_t begin = 2 * header_size;
  if (metadata.keyslots_size > disk_size || begin > disk_size - metadata.keyslots_size) {
    return fail(
        format("wrong size: {} bytes are for key slots at {}, and there are {} in all: is "
               "the file cut off?",
               metadata.keyslots_size, begin, disk_size));
  }
  const std::uint64_t end = begin + metadata.keyslots_size;
  ORRERY_CHECK(check_areas(metadata.keyslots, begin, end));
  ORRERY_CHECK(check_segment(metadata.segment, end, disk_size));
  return metadata;
}

std::optional<Area> find_room(const Metadata& metadata, std::uint64_t header_size,
                              std::uint64_t size) {
  std::vector<Area> taken;
  taken.reserve(metadata.keyslots.size() + 1);
  for (const Keyslot& slot : metadata.keyslots) taken.push_back(slot.area);
  std::ranges::sort(taken, {}, &Area::offset);
  std::uint64_t at = 2 * header_size;
  taken.push_back({at + metadata.keyslots_size, 0});
  for (const Area& area : taken) {
    if (area.offset - at >= size) return Area{at, size};
    at = area.offset + area.size;
  }
  return std::nullopt;
}

}  // namespace orrery::storage::luks
