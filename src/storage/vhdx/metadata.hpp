// What a VHDX says of its disk: the metadata region ([MS-VHDX] 2.6). Private to storage/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/vhdx/guid.hpp"

namespace orrery::storage::vhdx {

// 2.6.2.6.3. Paths as they stand there, with "\" between their parts; empty: not there.
struct ParentLocator {
  Guid linkage;                  // the parent's DataWriteGuid
  std::optional<Guid> linkage2;  // or this one, while the parent was being written into
  std::string relative_path;     // to the child's folder
  std::string volume_path;
  std::string absolute_path;

  bool names(const Guid& content) const { return linkage == content || linkage2 == content; }
};

struct Metadata {
  std::uint32_t block_size = 0;
  bool leave_allocated = false;  // fixed
  std::uint64_t disk_size = 0;
  std::uint64_t disk_size_at = 0;  // where that stands, from the region's start
  Guid disk_id;
  std::uint32_t logical_sector = 512;
  std::uint32_t physical_sector = 4096;
  std::optional<ParentLocator> parent;  // differencing

  bool fixed() const { return leave_allocated && !parent; }
};

// Of the region's bytes, or its first 16 MiB.
Result<Metadata> parse_metadata(ByteSpan region);
// The region's start; the rest is zeroes. Fills in disk_size_at.
std::vector<std::byte> make_metadata(Metadata& metadata);

}  // namespace orrery::storage::vhdx
