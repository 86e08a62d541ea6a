// An image: which segments its disk is made of. One file for each, called by the image's name:
// docs/formats/store.md, "Images".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "store/digest.hpp"
#include "store/pack/pack_table.hpp"

namespace orrery::store {

// A stretch of the disk: neighbours in a pack, or zeroes, which take no space.
struct Run {
  static constexpr std::uint32_t kZeroes = UINT32_MAX;

  std::uint32_t pack = kZeroes;  // in Manifest::packs
  std::uint32_t first = 0;       // segment
  std::uint64_t count = 0;       // of segments; of zeroes: bytes

  bool zeroes() const { return pack == kZeroes; }
  friend bool operator==(const Run&, const Run&) = default;
};
static_assert(sizeof(Run) == 16);

struct Manifest {
  std::uint64_t size = 0;     // of the disk, bytes
  std::uint64_t created = 0;  // nanoseconds since 1970
  std::uint64_t data = 0;     // bytes of the disk that are in segments
  Digest content;             // of all, however it is packed
  std::vector<std::string> tags;
  std::vector<Digest> packs;
  std::vector<Run> runs;

  // Adds to the end, and to the last run where it goes on.
  void append(Run run);
};

// Refuses what is more than this to read.
inline constexpr std::uint64_t kMostManifest = 4_GiB;
inline constexpr std::size_t kMostTags = 256;
inline constexpr std::size_t kMostNameLength = 128;

// Letters, digits, and "._+-@:" not in front: of images, and of tags.
Result<> check_name(const std::string& name);

std::vector<std::byte> encode_manifest(const Manifest& manifest);
Result<Manifest> parse_manifest(ByteSpan bytes);

// Over segments and zeroes in their order; TABLE_OF: of a pack in Manifest::packs.
Digest digest_content(const std::vector<Run>& runs,
                      const std::function<const PackTable&(std::uint32_t)>& table_of);

}  // namespace orrery::store
