// The two copies of a LUKS2 header, as bytes. Private to storage/; needs load_crypto().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::storage::luks {

struct Header {
  std::uint64_t size = 0;      // of one copy, bytes
  std::uint64_t sequence = 0;  // the larger is the newer
  std::string label;
  std::string subsystem;
  std::string uuid;
  std::string checksum = "sha256";  // name of the hash
  std::string json;
};

// Whether a disk that begins with these bytes (8 or more) holds LUKS, of whatever version.
bool looks_encrypted(ByteSpan start);

// How much of a disk choose_header() wants to see, by its first 4 KiB.
std::uint64_t header_bytes(ByteSpan start);

struct ChosenHeader {
  Header header;
  bool both_whole = false;  // and alike: nothing is to be mended
};
// The newer copy that is whole.
Result<ChosenHeader> choose_header(ByteSpan start);

enum class Copy : std::uint8_t { kFirst, kSecond };
// HEADER.size bytes, for the place of COPY, with a new salt.
Result<std::vector<std::byte>> make_copy(const Header& header, Copy copy);

}  // namespace orrery::storage::luks
