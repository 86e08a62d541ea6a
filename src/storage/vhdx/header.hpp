// The two headers of a VHDX and its region tables: [MS-VHDX] 2.2. Private to storage/.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/vhdx/guid.hpp"

namespace orrery::storage::vhdx {

struct Header {
  std::uint64_t sequence = 0;
  Guid file_write;
  Guid data_write;  // which content the disk has
  Guid log;         // zero: the log is empty
  std::uint16_t log_version = 0;
  std::uint32_t log_length = 0;  // bytes
  std::uint64_t log_offset = 0;
};

struct CurrentHeader {
  Header header;
  std::size_t slot = 0;  // which of the two
  bool both_valid = false;
};
// Of the first MiB of the file. Fails where neither header is whole, or the version is unknown.
Result<CurrentHeader> choose_header(ByteSpan section, std::uint64_t file_size);
// 4 KiB.
std::vector<std::byte> make_header(const Header& header);

struct Region {
  Guid guid;
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t required = 0;
};
struct Regions {
  std::vector<Region> all;
  bool both_valid = false;  // and alike

  const Region* find(const Guid& guid) const;
};
// Of the first MiB of the file. Fails where neither table is whole, where a region lies outside the
// file, and where one is needed that we do not know.
Result<Regions> choose_regions(ByteSpan section, std::uint64_t file_size);
// 64 KiB.
std::vector<std::byte> make_region_table(const std::vector<Region>& regions);

}  // namespace orrery::storage::vhdx
