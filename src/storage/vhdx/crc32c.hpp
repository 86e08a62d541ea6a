// CRC-32C, the checksum of VHDX's structures ([MS-VHDX] 2). Private to storage/.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace orrery::storage::vhdx {

// Of BYTES, the four bytes at ZEROED taken as zeroes: that is where structures keep the checksum.
std::uint32_t crc32c(ByteSpan bytes, std::size_t zeroed);

}  // namespace orrery::storage::vhdx
