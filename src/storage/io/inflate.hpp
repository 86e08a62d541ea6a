// Unpacking of deflate data (RFC 1951). Private to storage/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::storage {

enum class DeflateHead : std::uint8_t { kNone, kZlib };  // kZlib: RFC 1950, with its checksum

// How much was unpacked: up to the data's end, or as much as TO has room for.
Result<std::size_t> inflate_into(DeflateHead head, ByteSpan from, MutableByteSpan to);

}  // namespace orrery::storage
