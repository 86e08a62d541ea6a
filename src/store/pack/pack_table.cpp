#include "store/pack/pack_table.hpp"

#include <algorithm>
#include <cstring>

#include "base/format.hpp"

namespace orrery::store {
namespace {

constexpr std::uint64_t kHeaderMagic = 0x314B434150524F;  // "ORPACK1\0"
constexpr std::uint64_t kFooterMagic = 0x31444E4550524F;  // "ORPEND1\0"
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kGroupEntry = 24;
constexpr std::uint64_t kSegmentEntry = 36;

// The footer up to its digest is part of what the digest is of.
constexpr std::size_t kDigestedFooter = 16;

Digest digest_of_table(ByteSpan table, ByteSpan footer) {
  Hasher hasher;
  hasher.update(table);
  hasher.update(footer.first(kDigestedFooter));
  return hasher.finish();
}

template <typename T>
  requires std::is_trivially_copyable_v<T>
T take(ByteSpan& from) {
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  from = from.subspan(sizeof value);
  return value;
}

Result<> parse_groups(ByteSpan from, const PackFooter& footer, PackTable& table) {
  std::uint64_t file_offset = kPackHeader;
  std::uint64_t start = 0;
  std::uint64_t segment = 0;
  for (std::uint32_t i = 0; i < footer.groups; ++i) {
    Group group;
    group.stored = take<std::uint32_t>(from);
    group.length = take<std::uint32_t>(from);
    group.segments = take<std::uint32_t>(from);
    const auto method = take<std::uint32_t>(from);
    group.check = take<std::uint64_t>(from);
    const bool sound = method <= static_cast<std::uint32_t>(Method::kZstd) && group.length != 0 &&
                       group.length <= kMostGroup && group.segments != 0 && group.stored != 0 &&
                       group.stored <= group.length;
    if (!sound) return fail(format("its table of groups is damaged at entry {}", i));
    group.method = static_cast<Method>(method);
    group.file_offset = file_offset;
    group.start = start;
    group.first_segment = static_cast<std::uint32_t>(segment);
    file_offset += group.stored;
    start += group.length;
    segment += group.segments;
    if (segment > footer.segments) break;
    table.groups.push_back(group);
  }
  if (segment != footer.segments || file_offset != footer.table_offset) {
    return fail("its table of groups does not fit the file");
  }
  return {};
}

Result<> parse_segments(ByteSpan from, const PackFooter& footer, PackTable& table) {
  table.digests.reserve(footer.segments);
  table.starts.reserve(footer.segments + 1);
  table.starts.push_back(0);
  for (std::uint32_t i = 0; i < footer.segments; ++i) {
    table.digests.push_back(take<Digest>(from));
    table.starts.push_back(table.starts.back() + take<std::uint32_t>(from));
    if (table.starts[i + 1] == table.starts[i]) return fail(format("its segment {} is empty", i));
  }
  for (const Group& group : table.groups) {
    const std::uint64_t end = table.starts[group.first_segment + group.segments];
    if (table.starts[group.first_segment] != group.start || end != group.start + group.length) {
      return fail(format("its segments from {} on do not fit their group", group.first_segment));
    }
  }
  return {};
}

}  // namespace

std::size_t PackTable::group_of(std::uint32_t segment) const {
  const auto after = std::upper_bound(
      groups.begin(), groups.end(), segment,
      [](std::uint32_t wanted, const Group& group) { return wanted < group.first_segment; });
  return static_cast<std::size_t>(after - groups.begin()) - 1;
}

std::size_t PackTable::group_at(std::uint64_t start) const {
  const auto after = std::upper_bound(
      groups.begin(), groups.end(), start,
      [](std::uint64_t wanted, const Group& group) { return wanted < group.start; });
  return static_cast<std::size_t>(after - groups.begin()) - 1;
}

std::uint32_t PackTable::segment_at(std::uint64_t start) const {
  const auto after = std::upper_bound(starts.begin(), starts.end(), start);
  return static_cast<std::uint32_t>(after - starts.begin()) - 1;
}

std::uint64_t PackFooter::table_length() const {
  return groups * kGroupEntry + segments * kSegmentEntry;
}

std::vector<std::byte> pack_header() {
  ByteWriter writer;
  writer.write(kHeaderMagic);
  writer.write(kVersion);
  writer.write(std::uint32_t{0});
  return writer.take();
}

Result<> check_pack_header(ByteSpan bytes) {
  const auto expected = pack_header();
  if (std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end())) return {};
  if (bytes.size() >= 12 && load_le<std::uint64_t>(bytes.data()) == kHeaderMagic) {
    const auto version = load_le<std::uint32_t>(bytes.data() + 8);
    if (version != kVersion) return fail(format("version {} is not known here", version));
  }
  return fail("does not begin as a pack");
}

std::vector<std::byte> encode_table(PackTable& table) {
  ByteWriter writer;
  std::uint64_t table_offset = kPackHeader;
  for (const Group& group : table.groups) {
    writer.write(group.stored);
    writer.write(group.length);
    writer.write(group.segments);
    writer.write(group.method);
    writer.write(group.check);
    table_offset += group.stored;
  }
  for (std::uint32_t i = 0; i < table.segments(); ++i) {
    writer.write_bytes(table.digests[i].bytes);
    writer.write(table.length_of(i));
  }
  const std::size_t length = writer.size();
  writer.write(table_offset);
  writer.write(static_cast<std::uint32_t>(table.groups.size()));
  writer.write(table.segments());
  std::vector<std::byte> bytes = writer.take();
  const ByteSpan all(bytes);
  table.id = digest_of_table(all.first(length), all.subspan(length));
  ByteWriter end;
  end.write_bytes(bytes);
  end.write_bytes(table.id.bytes);
  end.write(kFooterMagic);
  return end.take();
}

Result<PackFooter> parse_footer(ByteSpan bytes, std::uint64_t file_size) {
  if (bytes.size() != kPackFooter || load_le<std::uint64_t>(bytes.data() + 48) != kFooterMagic) {
    return fail("does not end as a pack: it was cut off, or is damaged");
  }
  PackFooter footer;
  footer.table_offset = take<std::uint64_t>(bytes);
  footer.groups = take<std::uint32_t>(bytes);
  footer.segments = take<std::uint32_t>(bytes);
  footer.id = take<Digest>(bytes);
  const std::uint64_t end = file_size - kPackFooter;
  if (footer.table_offset > end || end - footer.table_offset != footer.table_length()) {
    return fail("its table does not fit the file: it was cut off, or is damaged");
  }
  return footer;
}

Result<PackTable> parse_table(ByteSpan bytes, const PackFooter& footer) {
  ByteWriter digested;
  digested.write(footer.table_offset);
  digested.write(footer.groups);
  digested.write(footer.segments);
  const std::vector<std::byte> end = digested.take();
  if (bytes.size() != footer.table_length() || digest_of_table(bytes, end) != footer.id) {
    return fail("its table is damaged");
  }
  PackTable table;
  table.id = footer.id;
  ORRERY_CHECK(parse_groups(bytes.first(footer.groups * kGroupEntry), footer, table));
  ORRERY_CHECK(parse_segments(bytes.subspan(footer.groups * kGroupEntry), footer, table));
  return table;
}

}  // namespace orrery::store
