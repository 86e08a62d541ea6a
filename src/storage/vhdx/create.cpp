#include "storage/vhdx/create.hpp"

#include <algorithm>
#include <string>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/io/utf16.hpp"
#include "storage/vhdx/bat.hpp"
#include "storage/vhdx/header.hpp"
#include "storage/vhdx/layout.hpp"

namespace orrery::storage::vhdx {
namespace {

constexpr std::uint64_t kLogAt = 1_MiB;
constexpr std::uint64_t kMetadataAt = 2_MiB;
constexpr std::uint64_t kBatAt = 3_MiB;

void put(std::vector<std::byte>& bytes, std::uint64_t at, ByteSpan part) {
  if (bytes.size() < at + part.size()) bytes.resize(at + part.size());
  std::copy(part.begin(), part.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_header_section(std::vector<std::byte>& bytes, std::uint64_t bat_length) {
  put(bytes, 0, as_bytes(kFileSignature.data(), kFileSignature.size()));
  put(bytes, kCreatorAt, to_utf16("Orrery"));
  Header header;
  header.file_write = draw_guid();
  header.data_write = draw_guid();
  header.log_offset = kLogAt;
  header.log_length = static_cast<std::uint32_t>(1_MiB);
  for (const std::uint64_t at : kHeadersAt) {
    ++header.sequence;
    put(bytes, at, make_header(header));
  }
  const std::vector<std::byte> regions =
      make_region_table({{kBatRegion, kBatAt, static_cast<std::uint32_t>(bat_length), 1},
                         {kMetadataRegion, kMetadataAt, static_cast<std::uint32_t>(kUnit), 1}});
  for (const std::uint64_t at : kRegionTablesAt) put(bytes, at, regions);
}

}  // namespace

Result<NewImage> make_empty(Metadata metadata) {
  if (metadata.disk_size > kMostDiskSize || metadata.disk_size % metadata.logical_sector != 0) {
    return fail(format("{} bytes: a VHDX has at most 64 TiB, in whole sectors of {} bytes",
                       metadata.disk_size, metadata.logical_sector));
  }
  metadata.disk_id = draw_guid();
  const BatShape shape(metadata, metadata.disk_size);
  const std::uint64_t bat_length = align_up(shape.entries * 8, kUnit);
  NewImage made;
  put_header_section(made.bytes, bat_length);
  put(made.bytes, kMetadataAt, make_metadata(metadata));
  made.length = kBatAt + bat_length;
  if (!metadata.fixed()) return made;
  std::vector<std::byte> table(shape.entries * 8);
  for (std::uint64_t block = 0; block < shape.blocks; ++block) {
    store_le(&table[shape.index_of_block(block) * 8],
             encode_entry({BlockState::kFullyPresent, made.length}));
    made.length += metadata.block_size;
  }
  put(made.bytes, kBatAt, table);
  return made;
}

}  // namespace orrery::storage::vhdx
