// Formats of disk images, and what a file looks like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::storage {

enum class Format : std::uint8_t {
  kRaw,
  kQcow2,
  kOther,  // an image of a format that Orrery knows by its first bytes only
};

// How much of a file's start detect_format() looks at.
inline constexpr std::size_t kDetectedBytes = 64;

// By the first bytes; a file that is no known image is raw.
Format detect_format(ByteSpan start);
std::string_view name_of(Format format);
Result<Format> parse_format(std::string_view name);

}  // namespace orrery::storage
