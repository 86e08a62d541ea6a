// What is in a pack, and its bytes: docs/formats/store.md, "Packs".
//
// A pack is a file of segments, back to back in their order; neighbours are compressed together in
// groups. Its table has the digests, and the pack is named by the table's digest: so whoever names
// a pack and a segment's number in it names that segment's content.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/types.hpp"
#include "store/digest.hpp"

namespace orrery::store {

// Neighbours that are compressed together: what one read of 4 KiB has to decode at most. Each
// doubling from 64 KiB on saves some percent of space (docs/decisions/0011-image-store.md).
inline constexpr std::uint32_t kGroupBytes = 256_KiB;
// Of segments, in one pack: what a collection rewrites at least, and few enough files for large
// stores.
inline constexpr std::uint64_t kPackBytes = 128_MiB;

// What a reader has room for, whoever wrote the pack.
inline constexpr std::uint32_t kMostGroup = 4_MiB;

inline constexpr std::uint64_t kPackHeader = 16;
inline constexpr std::uint64_t kPackFooter = 56;

enum class Method : std::uint32_t { kStored = 0, kZstd = 1 };

struct Group {
  std::uint64_t file_offset = 0;
  std::uint32_t stored = 0;  // bytes in the file
  std::uint32_t length = 0;  // bytes of its segments
  std::uint64_t start = 0;   // of its segments, counted in bytes of segments from the pack's start
  std::uint32_t first_segment = 0;
  std::uint32_t segments = 0;
  Method method = Method::kStored;
  std::uint64_t check = 0;  // the first word of the digest of what is stored
};

struct PackTable {
  Digest id;
  std::vector<Group> groups;
  std::vector<Digest> digests;        // of segments
  std::vector<std::uint64_t> starts;  // of segments, and the end: one more than segments

  std::uint32_t segments() const { return static_cast<std::uint32_t>(digests.size()); }
  std::uint64_t length() const { return starts.back(); }
  std::uint32_t length_of(std::uint32_t segment) const {
    return static_cast<std::uint32_t>(starts[segment + 1] - starts[segment]);
  }
  // Which one holds a segment, or a byte counted from the pack's start.
  std::size_t group_of(std::uint32_t segment) const;
  std::size_t group_at(std::uint64_t start) const;
  std::uint32_t segment_at(std::uint64_t start) const;
};

struct PackFooter {
  std::uint64_t table_offset = 0;
  std::uint32_t groups = 0;
  std::uint32_t segments = 0;
  Digest id;

  std::uint64_t table_length() const;
};

std::vector<std::byte> pack_header();
Result<> check_pack_header(ByteSpan bytes);

// The table and the footer behind it, for the end of a file; sets the table's id.
std::vector<std::byte> encode_table(PackTable& table);

// FOOTER: the last kPackFooter bytes of a file of FILE_SIZE bytes.
Result<PackFooter> parse_footer(ByteSpan bytes, std::uint64_t file_size);
Result<PackTable> parse_table(ByteSpan bytes, const PackFooter& footer);

}  // namespace orrery::store
