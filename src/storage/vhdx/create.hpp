// A new VHDX image. Private to storage/.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "storage/vhdx/metadata.hpp"

namespace orrery::storage::vhdx {

struct NewImage {
  std::vector<std::byte> bytes;  // the file's start; the rest is zeroes
  std::uint64_t length = 0;      // of the file
};
// The file of an empty disk: header section, log of 1 MiB, metadata, table of blocks, and for a
// fixed one its blocks. METADATA is the caller's but for what is drawn or computed here.
Result<NewImage> make_empty(Metadata metadata);

}  // namespace orrery::storage::vhdx
