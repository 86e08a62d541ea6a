#include "storage/vhdx/header.hpp"

#include <algorithm>
#include <optional>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/io/crc32c.hpp"
#include "storage/vhdx/layout.hpp"

namespace orrery::storage::vhdx {
namespace {

bool is_whole(ByteSpan bytes, std::uint32_t signature) {
  constexpr std::size_t kChecksum = header_field::kChecksum;
  static_assert(kChecksum == region_field::kChecksum);
  return load_le<std::uint32_t>(bytes.data()) == signature &&
         load_le<std::uint32_t>(&bytes[kChecksum]) == crc32c(bytes, kChecksum);
}

void seal(std::vector<std::byte>& bytes) {
  store_le(&bytes[header_field::kChecksum], crc32c(bytes, header_field::kChecksum));
}

Header read_header(ByteSpan bytes) {
  namespace field = header_field;
  Header header;
  header.sequence = load_le<std::uint64_t>(&bytes[field::kSequenceNumber]);
  header.file_write = load_guid(&bytes[field::kFileWriteGuid]);
  header.data_write = load_guid(&bytes[field::kDataWriteGuid]);
  header.log = load_guid(&bytes[field::kLogGuid]);
  header.log_version = load_le<std::uint16_t>(&bytes[field::kLogVersion]);
  header.log_length = load_le<std::uint32_t>(&bytes[field::kLogLength]);
  header.log_offset = load_le<std::uint64_t>(&bytes[field::kLogOffset]);
  return header;
}

bool lies_within(std::uint64_t offset, std::uint64_t length, std::uint64_t file_size) {
  return is_aligned(offset, kUnit) && is_aligned(length, kUnit) && offset >= kUnit &&
         offset <= file_size && length <= file_size - offset;
}

Result<Regions> read_regions(ByteSpan table, std::uint64_t file_size) {
  namespace field = region_field;
  const auto count = load_le<std::uint32_t>(&table[field::kEntryCount]);
  if (count > field::kMostEntries) return fail(format("damaged: {} regions", count));
  Regions regions;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::byte* const entry = &table[field::kEntries + i * field::kEntryLength];
    Region region;
    region.guid = load_guid(entry + field::kGuid);
    region.offset = load_le<std::uint64_t>(entry + field::kFileOffset);
    region.length = load_le<std::uint32_t>(entry + field::kLength);
    region.required = load_le<std::uint32_t>(entry + field::kRequired);
    const bool known = region.guid == kBatRegion || region.guid == kMetadataRegion;
    if (!known && (region.required & 1) != 0) {
      return fail(format("needs region {}, which Orrery does not know", to_text(region.guid)));
    }
    if (known && regions.find(region.guid) != nullptr) {
      return fail(format("damaged: region {} is there twice", to_text(region.guid)));
    }
    if (!lies_within(region.offset, region.length, file_size)) {
      return fail(format("damaged: region {} ({} bytes at {}) is not within the file of {} bytes",
                         to_text(region.guid), region.length, region.offset, file_size));
    }
    regions.all.push_back(region);
  }
  for (const Guid& needed : {kBatRegion, kMetadataRegion}) {
    if (regions.find(needed) == nullptr) {
      return fail(format("damaged: has no region {}", to_text(needed)));
    }
  }
  return regions;
}

}  // namespace

Result<CurrentHeader> choose_header(ByteSpan section, std::uint64_t file_size) {
  std::optional<CurrentHeader> current;
  for (std::size_t slot = 0; slot < kHeadersAt.size(); ++slot) {
    const ByteSpan bytes = section.subspan(kHeadersAt[slot], kHeaderLength);
    if (!is_whole(bytes, header_field::kSignature)) continue;
    const Header header = read_header(bytes);
    const bool both = current.has_value();
    const auto version = load_le<std::uint16_t>(&bytes[header_field::kVersion]);
    if (version != 1)
      return fail(format("version {} of VHDX, which Orrery does not know", version));
    if (!both || header.sequence > current->header.sequence) current = {header, slot, false};
    current->both_valid = both;
  }
  if (!current) return fail("damaged: neither of its two headers is whole");
  const Header& header = current->header;
  if (header.log_length == 0 || !lies_within(header.log_offset, header.log_length, file_size)) {
    return fail(format("damaged: its log ({} bytes at {}) is not within the file of {} bytes",
                       header.log_length, header.log_offset, file_size));
  }
  return *current;
}

std::vector<std::byte> make_header(const Header& header) {
  namespace field = header_field;
  std::vector<std::byte> bytes(kHeaderLength);
  store_le(bytes.data(), field::kSignature);
  store_le(&bytes[field::kSequenceNumber], header.sequence);
  store_guid(&bytes[field::kFileWriteGuid], header.file_write);
  store_guid(&bytes[field::kDataWriteGuid], header.data_write);
  store_guid(&bytes[field::kLogGuid], header.log);
  store_le(&bytes[field::kLogVersion], header.log_version);
  store_le(&bytes[field::kVersion], std::uint16_t{1});
  store_le(&bytes[field::kLogLength], header.log_length);
  store_le(&bytes[field::kLogOffset], header.log_offset);
  seal(bytes);
  return bytes;
}

const Region* Regions::find(const Guid& guid) const {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Region& region) { return region.guid == guid; });
  return found == all.end() ? nullptr : &*found;
}

Result<Regions> choose_regions(ByteSpan section, std::uint64_t file_size) {
  std::array<ByteSpan, 2> tables;
  std::array<bool, 2> whole{};
  for (std::size_t i = 0; i < tables.size(); ++i) {
    tables[i] = section.subspan(kRegionTablesAt[i], kRegionTableLength);
    whole[i] = is_whole(tables[i], region_field::kSignature);
  }
  if (!whole[0] && !whole[1]) return fail("damaged: neither of its two region tables is whole");
  Result<Regions> regions = read_regions(tables[whole[0] ? 0 : 1], file_size);
  if (!regions) return regions;
  regions->both_valid = whole[0] && whole[1] && std::ranges::equal(tables[0], tables[1]);
  return regions;
}

std::vector<std::byte> make_region_table(const std::vector<Region>& regions) {
  namespace field = region_field;
  std::vector<std::byte> bytes(kRegionTableLength);
  store_le(bytes.data(), field::kSignature);
  store_le(&bytes[field::kEntryCount], static_cast<std::uint32_t>(regions.size()));
  std::byte* entry = &bytes[field::kEntries];
  for (const Region& region : regions) {
    store_guid(entry + field::kGuid, region.guid);
    store_le(entry + field::kFileOffset, region.offset);
    store_le(entry + field::kLength, region.length);
    store_le(entry + field::kRequired, region.required);
    entry += field::kEntryLength;
  }
  seal(bytes);
  return bytes;
}

}  // namespace orrery::storage::vhdx
