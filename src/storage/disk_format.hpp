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
  kVhdx,
  kVhd,    // only read
  kVmdk,   // only read
  kOther,  // an image of a format that Orrery knows by its first bytes only
};

// How much of a file's start detect_format() looks at.
inline constexpr std::size_t kDetectedBytes = 64;

// By the first bytes; a file that is no known image is raw. A fixed VHD is known by its last bytes
// only, so it looks raw here.
Format detect_format(ByteSpan start);
std::string_view name_of(Format format);
// As a qcow2 names the format of its backing file: QEMU's word.
std::string_view qemu_name_of(Format format);
// By either name.
Result<Format> parse_format(std::string_view name);

}  // namespace orrery::storage
