#include "storage/qcow2/mapping.hpp"

#include "base/bits.hpp"
#include "base/format.hpp"

namespace orrery::storage::qcow2 {

Mapping::Kind kind_of(std::uint64_t entry, std::uint32_t version) {
  using Kind = Mapping::Kind;
  if ((entry & kCompressedFlag) != 0) return Kind::kCompressed;
  if (version >= 3 && (entry & kZeroFlag) != 0) return Kind::kZero;
  return (entry & kOffsetMask) == 0 ? Kind::kUnallocated : Kind::kData;
}

Mapping::Kind kind_of_subcluster(std::uint64_t bitmap, unsigned index) {
  if (bit(bitmap, kSubclusters + index)) return Mapping::Kind::kZero;
  return bit(bitmap, index) ? Mapping::Kind::kData : Mapping::Kind::kUnallocated;
}

// "Compressed Clusters Descriptor"
Mapping compressed_mapping(std::uint64_t entry, std::uint32_t cluster_bits) {
  constexpr std::uint64_t kSectorSize = 512;
  const unsigned offset_bits = 62 - (cluster_bits - 8);
  Mapping mapping;
  mapping.kind = Mapping::Kind::kCompressed;
  mapping.entry = entry;
  mapping.host = entry & ((1ull << offset_bits) - 1);
  const std::uint64_t more_sectors = bits(entry, 61, offset_bits);
  mapping.host_length = (more_sectors + 1) * kSectorSize - mapping.host % kSectorSize;
  return mapping;
}

Error damaged(const std::string& path, std::string what) {
  return Error(format("{}: damaged: {}; run `orrery disk check {}`", path, what, path));
}

}  // namespace orrery::storage::qcow2
