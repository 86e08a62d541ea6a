// The JSON of a LUKS2 header: key slots, the encrypted segment, the digest of its key ("LUKS2
// On-Disk Format Specification" 1.1.3, section 3). Private to storage/.
//
// What we do not know of (tokens, labels of others) stays in the document as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/error.hpp"
#include "storage/luks/key_derivation.hpp"

namespace orrery::storage::luks {

struct Area {
  std::uint64_t offset = 0;  // from the disk's start, bytes
  std::uint64_t size = 0;    // bytes
};

struct Keyslot {
  enum class Priority : std::uint8_t { kIgnore, kNormal, kPrefer };

  unsigned number = 0;
  Area area;
  Priority priority = Priority::kNormal;
  std::string unsupported;          // why it opens nothing here; empty: it does
  std::uint32_t key_size = 0;       // of the volume's key, bytes
  std::uint32_t area_key_size = 0;  // of the key that encrypts the area
  std::uint32_t stripes = 0;
  std::string split_hash;
  KeyDerivation derivation;
};

// Of the volume's key.
struct KeyDigest {
  unsigned number = 0;
  std::vector<unsigned> keyslots;
  std::string hash;
  std::uint32_t iterations = 0;
  std::vector<std::byte> salt;
  std::vector<std::byte> digest;
};

struct Segment {
  std::uint64_t offset = 0;           // from the disk's start, bytes
  std::optional<std::uint64_t> size;  // bytes; nothing: to the disk's end
  std::uint64_t first_unit = 0;       // added to unit numbers, which count 512 bytes
  std::uint32_t sector_size = 512;    // bytes in one data unit
};

struct Metadata {
  std::vector<Keyslot> keyslots;  // rising numbers
  KeyDigest digest;
  Segment segment;
  std::uint64_t keyslots_size = 0;  // bytes behind both headers that are for key slots
  bool allow_discards = false;
};

// TEXT: of a header whose copies have HEADER_SIZE bytes each, on a disk of DISK_SIZE. Errors name
// what is wrong with which part.
Result<nlohmann::json> parse_document(std::string_view text);
Result<Metadata> read_metadata(const nlohmann::json& document, std::uint64_t header_size,
                               std::uint64_t disk_size);

// Of a new volume, without key slots.
nlohmann::json make_document(const Segment& segment, const KeyDigest& digest, bool allow_discards);
// They change the document only; a slot belongs to DIGEST.
void add_keyslot(nlohmann::json& document, const Keyslot& slot, unsigned digest);
void remove_keyslot(nlohmann::json& document, unsigned number);

// A piece of SIZE bytes between both headers and the segment that no slot has.
std::optional<Area> find_room(const Metadata& metadata, std::uint64_t header_size,
                              std::uint64_t size);

}  // namespace orrery::storage::luks
