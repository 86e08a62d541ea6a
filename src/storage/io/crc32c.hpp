// CRC-32C (Castagnoli), the checksum of VHDX's structures ([MS-VHDX] 2) and of records of ours.
// Private to storage/.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace orrery::storage {

// Of BYTES, the four bytes at ZEROED taken as zeroes: that is where structures keep the checksum.
std::uint32_t crc32c(ByteSpan bytes, std::size_t zeroed);

}  // namespace orrery::storage
