// Byte ranges of HTTP (RFC 9110, 14): what a client asks for, and what a server says it sends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orrery::http {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t length = 0;  // at least one
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// The Range header of a request for something of SIZE bytes.
struct AskedRange {
  enum class Kind : std::uint8_t {
    kAll,            // none, or one that a server may ignore: other units, several ranges
    kPart,           // RANGE, within SIZE
    kUnsatisfiable,  // begins behind the end
  };
  Kind kind = Kind::kAll;
  ByteRange range;
};
AskedRange parse_range(std::string_view header, std::uint64_t size);

// "bytes=100-199"
std::string range_header(const ByteRange& range);
// "bytes 100-199/5000"
std::string content_range_header(const ByteRange& range, std::uint64_t size);
// `nullopt`: it is none.
std::optional<ByteRange> parse_content_range(std::string_view header);

}  // namespace orrery::http
