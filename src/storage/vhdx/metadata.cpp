#include "storage/vhdx/metadata.hpp"

#include <algorithm>
#include <bit>

#include "base/bits.hpp"
#include "base/format.hpp"
#include "storage/io/utf16.hpp"
#include "storage/vhdx/layout.hpp"

namespace orrery::storage::vhdx {
namespace {

class Table {
 public:
  static Result<Table> read(ByteSpan region);
  // LEAST bytes or more.
  Result<ByteSpan> item(const Guid& id, std::string_view name, std::size_t least) const;
  std::size_t offset_of(ByteSpan item) const {
    return static_cast<std::size_t>(item.data() - region_.data());
  }

 private:
  struct Entry {
    Guid id;
    ByteSpan bytes;
  };
  explicit Table(ByteSpan region) : region_(region) {}
  Result<> add(const std::byte* entry);

  ByteSpan region_;
  std::vector<Entry> entries_;  // system metadata
};

bool is_known(const Guid& id) {
  for (const Guid& known : {kFileParameters, kVirtualDiskSize, kVirtualDiskId, kLogicalSectorSize,
                            kPhysicalSectorSize, kParentLocator}) {
    if (id == known) return true;
  }
  return false;
}

Result<> Table::add(const std::byte* entry) {
  namespace field = metadata_field;
  const Guid id = load_guid(entry + field::kItemId);
  const auto offset = load_le<std::uint32_t>(entry + field::kOffset);
  const auto length = load_le<std::uint32_t>(entry + field::kLength);
  const auto flags = load_le<std::uint32_t>(entry + field::kFlags);
  const bool known = (flags & field::kIsUser) == 0 && is_known(id);
  if (!known && (flags & field::kIsRequired) != 0) {
    return fail(format("needs metadata {}, which Orrery does not know", to_text(id)));
  }
  if (!known) return {};
  if (length > field::kMostItem || offset < field::kTableLength || offset > region_.size() ||
      length > region_.size() - offset) {
    return fail(format("damaged: metadata {} ({} bytes at {}) is not within its region",
                       to_text(id), length, offset));
  }
  entries_.push_back({id, region_.subspan(offset, length)});
  return {};
}

Result<Table> Table::read(ByteSpan region) {
  namespace field = metadata_field;
  const std::string_view start(reinterpret_cast<const char*>(region.data()), region.size());
  if (region.size() < field::kTableLength || !start.starts_with(field::kSignature)) {
    return fail("damaged: where its metadata should be is something else");
  }
  Table table(region);
  const auto count = load_le<std::uint16_t>(&region[field::kEntryCount]);
  if (count > field::kMostEntries) return fail(format("damaged: {} items of metadata", count));
  for (std::size_t i = 0; i < count; ++i) {
    ORRERY_CHECK(table.add(&region[field::kEntries + i * field::kEntryLength]));
  }
  return table;
}

Result<ByteSpan> Table::item(const Guid& id, std::string_view name, std::size_t least) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.id == id; });
  if (found == entries_.end()) return fail(format("damaged: does not say its {}", name));
  if (found->bytes.size() < least) {
    return fail(format("damaged: its {} has {} bytes", name, found->bytes.size()));
  }
  return found->bytes;
}

Result<ParentLocator> parse_locator(ByteSpan item) {
  namespace field = locator_field;
  if (load_guid(item.data()) != kVhdxLocator) {
    return fail(format("its parent is of kind {}, which Orrery does not know",
                       to_text(load_guid(item.data()))));
  }
  ParentLocator locator;
  bool linked = false;
  const auto count = load_le<std::uint16_t>(&item[field::kKeyValueCount]);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = field::kEntries + i * field::kEntryLength;
    if (at + field::kEntryLength > item.size())
      return fail("damaged: its parent locator is cut off");
    const auto text = [&](std::size_t offset_at, std::size_t length_at) -> Result<std::string> {
      const auto offset = load_le<std::uint32_t>(&item[at + offset_at]);
      const auto length = load_le<std::uint16_t>(&item[at + length_at]);
      if (offset > item.size() || length > item.size() - offset) {
        return fail("damaged: its parent locator names what lies outside");
      }
      return from_utf16(item.subspan(offset, length));
    };
    ORRERY_TRY(const std::string key, text(field::kKeyOffset, field::kKeyLength));
    ORRERY_TRY(const std::string value, text(field::kValueOffset, field::kValueLength));
    if (key == "parent_linkage" || key == "parent_linkage2") {
      const auto guid = parse_guid(value);
      if (!guid) return fail(format("damaged: its {} is \"{}\"", key, value));
      if (key == "parent_linkage") {
        locator.linkage = *guid;
        linked = true;
      } else {
        locator.linkage2 = *guid;
      }
    }
    if (key == "relative_path") locator.relative_path = value;
    if (key == "volume_path") locator.volume_path = value;
    if (key == "absolute_win32_path") locator.absolute_path = value;
  }
  if (!linked) return fail("damaged: does not say which content its parent has");
  return locator;
}

std::vector<std::byte> make_locator(const ParentLocator& locator) {
  namespace field = locator_field;
  struct Pair {
    std::string_view key;
    std::string value;
  };
  std::vector<Pair> pairs{{"parent_linkage", to_text(locator.linkage)}};
  if (locator.linkage2) pairs.push_back({"parent_linkage2", to_text(*locator.linkage2)});
  if (!locator.relative_path.empty()) pairs.push_back({"relative_path", locator.relative_path});
  if (!locator.volume_path.empty()) pairs.push_back({"volume_path", locator.volume_path});
  if (!locator.absolute_path.empty()) {
    pairs.push_back({"absolute_win32_path", locator.absolute_path});
  }
  std::vector<std::byte> bytes(field::kEntries + pairs.size() * field::kEntryLength);
  store_guid(bytes.data(), kVhdxLocator);
  store_le(&bytes[field::kKeyValueCount], static_cast<std::uint16_t>(pairs.size()));
  std::size_t at = field::kEntries;
  const auto append = [&](std::string_view text, std::size_t offset_at, std::size_t length_at) {
    const std::vector<std::byte> encoded = to_utf16(text);
    store_le(&bytes[at + offset_at], static_cast<std::uint32_t>(bytes.size()));
    store_le(&bytes[at + length_at], static_cast<std::uint16_t>(encoded.size()));
    bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  };
  for (const Pair& pair : pairs) {
    append(pair.key, field::kKeyOffset, field::kKeyLength);
    append(pair.value, field::kValueOffset, field::kValueLength);
    at += field::kEntryLength;
  }
  return bytes;
}

Result<> check(const Metadata& metadata) {
  const auto is_sector = [](std::uint32_t size) { return size == 512 || size == 4096; };
  if (!std::has_single_bit(metadata.block_size) || metadata.block_size < kLeastBlock ||
      metadata.block_size > kMostBlock) {
    return fail(format("damaged: blocks of {} bytes", metadata.block_size));
  }
  if (!is_sector(metadata.logical_sector) || !is_sector(metadata.physical_sector)) {
    return fail(format("damaged: sectors of {} and {} bytes", metadata.logical_sector,
                       metadata.physical_sector));
  }
  if (metadata.disk_size == 0 || metadata.disk_size > kMostDiskSize ||
      metadata.disk_size % metadata.logical_sector != 0) {
    return fail(format("damaged: a disk of {} bytes", metadata.disk_size));
  }
  return {};
}

}  // namespace

Result<Metadata> parse_metadata(ByteSpan region) {
  ORRERY_TRY(const Table table, Table::read(region));
  Metadata metadata;
  ORRERY_TRY(const ByteSpan parameters, table.item(kFileParameters, "block size", 8));
  metadata.block_size = load_le<std::uint32_t>(parameters.data());
  const auto flags = load_le<std::uint32_t>(&parameters[4]);
  metadata.leave_allocated = (flags & metadata_field::kLeaveBlockAllocated) != 0;
  ORRERY_TRY(const ByteSpan size, table.item(kVirtualDiskSize, "size", 8));
  metadata.disk_size = load_le<std::uint64_t>(size.data());
  metadata.disk_size_at = table.offset_of(size);
  ORRERY_TRY(const ByteSpan id, table.item(kVirtualDiskId, "identifier", 16));
  metadata.disk_id = load_guid(id.data());
  ORRERY_TRY(const ByteSpan logical, table.item(kLogicalSectorSize, "sector size", 4));
  metadata.logical_sector = load_le<std::uint32_t>(logical.data());
  ORRERY_TRY(const ByteSpan physical, table.item(kPhysicalSectorSize, "physical sector size", 4));
  metadata.physical_sector = load_le<std::uint32_t>(physical.data());
  ORRERY_CHECK(check(metadata));
  if ((flags & metadata_field::kHasParent) != 0) {
    ORRERY_TRY(const ByteSpan locator,
               table.item(kParentLocator, "parent", locator_field::kEntries));
    ORRERY_TRY(metadata.parent, parse_locator(locator));
  }
  return metadata;
}

std::vector<std::byte> make_metadata(Metadata& metadata) {
  namespace field = metadata_field;
  std::vector<std::byte> bytes(field::kTableLength);
  std::copy_n(reinterpret_cast<const std::byte*>(field::kSignature.data()),
              field::kSignature.size(), bytes.begin());
  std::uint16_t count = 0;
  const auto add = [&](const Guid& id, std::uint32_t flags, ByteSpan item) {
    std::byte* const entry = &bytes[field::kEntries + count * field::kEntryLength];
    store_guid(entry + field::kItemId, id);
    store_le(entry + field::kOffset, static_cast<std::uint32_t>(bytes.size()));
    store_le(entry + field::kLength, static_cast<std::uint32_t>(item.size()));
    store_le(entry + field::kFlags, flags | field::kIsRequired);
    store_le(&bytes[field::kEntryCount], ++count);
    bytes.insert(bytes.end(), item.begin(), item.end());
    bytes.resize(align_up(bytes.size(), 16));
  };
  std::array<std::byte, 8> parameters{};
  store_le(parameters.data(), metadata.block_size);
  store_le(&parameters[4], (metadata.leave_allocated ? field::kLeaveBlockAllocated : 0) |
                               (metadata.parent ? field::kHasParent : 0));
  add(kFileParameters, 0, parameters);
  metadata.disk_size_at = bytes.size();
  add(kVirtualDiskSize, field::kIsVirtualDisk, as_bytes(&metadata.disk_size, 8));
  add(kVirtualDiskId, field::kIsVirtualDisk, metadata.disk_id.bytes);
  add(kLogicalSectorSize, field::kIsVirtualDisk, as_bytes(&metadata.logical_sector, 4));
  add(kPhysicalSectorSize, field::kIsVirtualDisk, as_bytes(&metadata.physical_sector, 4));
  if (metadata.parent) add(kParentLocator, 0, make_locator(*metadata.parent));
  return bytes;
}

}  // namespace orrery::storage::vhdx
