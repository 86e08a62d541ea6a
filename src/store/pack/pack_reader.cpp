#include "store/pack/pack_reader.hpp"

#include "base/format.hpp"
#include "store/pack/compression.hpp"

namespace orrery::store {
namespace {

std::optional<unsigned> hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<unsigned>(digit - 'a') + 10;
  return std::nullopt;
}

}  // namespace

Result<PackTable> read_pack_table(const StoredFile& file) {
  if (file.size() < kPackHeader + kPackFooter) return fail("is too short: it was cut off");
  std::vector<std::byte> bytes(kPackHeader);
  ORRERY_CHECK(file.read(0, bytes));
  ORRERY_CHECK(check_pack_header(bytes));
  bytes.resize(kPackFooter);
  ORRERY_CHECK(file.read(file.size() - kPackFooter, bytes));
  ORRERY_TRY(const PackFooter footer, parse_footer(bytes, file.size()));
  bytes.resize(footer.table_length());
  ORRERY_CHECK(file.read(footer.table_offset, bytes));
  return parse_table(bytes, footer);
}

Result<std::unique_ptr<PackReader>> PackReader::open(Files& files, const Digest& id) {
  ORRERY_TRY(auto file, files.open(pack_name(id)));
  if (!file) return nullptr;
  auto table = read_pack_table(*file);
  if (table && table->id != id) table = fail("its table is another pack's");
  if (!table) {
    return fail(format("{}/{}: {}; see what else with `orrery store scrub {}`", files.path(),
                       pack_name(id), table.error().message(), files.path()));
  }
  return std::unique_ptr<PackReader>(new PackReader(std::move(file), std::move(*table)));
}

Result<std::vector<std::byte>> PackReader::read_group(std::size_t number, Check check) const {
  const Group& group = table_.groups[number];
  std::vector<std::byte> stored(group.stored);
  ORRERY_CHECK(file_->read(group.file_offset, stored));
  if (check == Check::kStoredToo && Hasher().digest(stored).first_word() != group.check) {
    return fail("what is stored has changed");
  }
  if (group.method == Method::kStored) return stored;
  std::vector<std::byte> bytes(group.length);
  ORRERY_CHECK(decompress(stored, group.method, bytes));
  return bytes;
}

ByteSpan PackReader::segment_in(std::uint32_t segment, ByteSpan group_bytes) const {
  const Group& group = table_.groups[table_.group_of(segment)];
  return group_bytes.subspan(table_.starts[segment] - group.start, table_.length_of(segment));
}

bool PackReader::is_sound(std::uint32_t segment, ByteSpan group_bytes, Hasher& hasher) const {
  return hasher.digest(segment_in(segment, group_bytes)) == table_.digests[segment];
}

std::optional<Digest> parse_pack_name(std::string_view name) {
  Digest id;
  if (name.size() != 2 * id.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const auto high = hex_digit(name[2 * i]);
    const auto low = hex_digit(name[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    id.bytes[i] = static_cast<std::byte>(*high * 16 + *low);
  }
  return id;
}

}  // namespace orrery::store
