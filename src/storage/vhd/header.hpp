// What a VHD says of its disk: footer and dynamic disk header ("Virtual Hard Disk Image Format
// Specification", version 1.0, 2006). All numbers are big-endian. Private to storage/.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::storage::vhd {

inline constexpr std::size_t kFooterLength = 512;
inline constexpr std::size_t kHeaderLength = 1024;
inline constexpr std::uint32_t kUnusedEntry = 0xFFFF'FFFF;

enum class Kind : std::uint32_t { kFixed = 2, kDynamic = 3, kDifferencing = 4 };

// "Hard Disk Footer Format"
struct Footer {
  Kind kind = Kind::kFixed;
  std::uint64_t size = 0;       // of the disk, bytes
  std::uint64_t header_at = 0;  // of the dynamic disk header
  std::array<std::byte, 16> identifier{};
};
bool is_footer(ByteSpan bytes);
Result<Footer> parse_footer(ByteSpan bytes);

// "Dynamic Disk Header Format"
struct DynamicHeader {
  std::uint64_t table_at = 0;
  std::uint32_t entries = 0;
  std::uint32_t block_size = 0;        // bytes
  std::array<std::byte, 16> parent{};  // its identifier
  std::string parent_name;
  struct Locator {
    std::uint64_t at = 0;
    std::uint32_t length = 0;
    bool relative = false;
  };
  std::vector<Locator> locators;  // of Windows, in UTF-16: the others are of the past

  // Of the bits before each block, whole sectors.
  std::uint64_t bitmap_size() const { return (block_size / 512 / 8 + 511) / 512 * 512; }
};
Result<DynamicHeader> parse_dynamic_header(ByteSpan bytes, std::uint64_t disk_size,
                                           std::uint64_t file_size);

}  // namespace orrery::storage::vhd
