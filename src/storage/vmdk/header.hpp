// What a VMDK of one sparse file says of its disk: the sparse extent header and the descriptor in
// it ("Virtual Disk Format 5.0", VMware, "Hosted Sparse Extents" and "Stream-Optimized
// Compressed"). All numbers are little-endian, places are in sectors of 512 bytes. Private to
// storage/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace orrery::storage::vmdk {

inline constexpr std::uint64_t kSector = 512;
// Instead of the grain directory's place: it is in the footer, at the file's end.
inline constexpr std::uint64_t kDirectoryAtEnd = ~std::uint64_t{0};
inline constexpr std::uint64_t kFooterFromEnd = 1024;

enum Flags : std::uint32_t {
  kZeroedGrains = 1u << 2,  // an entry of 1 says "zeroes"
  kCompressed = 1u << 16,
  kMarkers = 1u << 17,  // before each grain
};

struct Header {
  std::uint32_t version = 0;
  std::uint32_t flags = 0;
  std::uint64_t capacity = 0;       // of the disk, sectors
  std::uint64_t grain_size = 0;     // sectors
  std::uint64_t descriptor_at = 0;  // sectors
  std::uint64_t descriptor_size = 0;
  std::uint32_t entries_per_table = 0;
  std::uint64_t directory_at = 0;  // sectors
};
Result<Header> parse_header(ByteSpan bytes);

// "The Descriptor File": KEY=VALUE, perhaps in quotes.
struct Descriptor {
  std::string create_type;
  std::string content;         // CID
  std::string parent_content;  // parentCID; ffffffff: there is none
  unsigned extents = 0;
};
Descriptor parse_descriptor(std::string_view text);

}  // namespace orrery::storage::vmdk
