// A pack that is there: its table, and the content of its segments, verified.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store/files.hpp"
#include "store/pack/pack_table.hpp"

namespace orrery::store {

inline const std::string kPacks = "packs";
inline std::string pack_name(const Digest& id) {
  return kPacks + "/" + to_hex(id);
}

// Any thread, several at a time. The file stays open, so it can be read also when a collection has
// removed it since.
class PackReader {
 public:
  // nullptr: there is none.
  static Result<std::unique_ptr<PackReader>> open(Files& files, const Digest& id);

  const PackTable& table() const { return table_; }
  // As it is kept, whole.
  const StoredFile& file() const { return *file_; }

  // The segments of a group, decoded but not verified. With `kStoredToo` what is stored is compared
  // with its check, so that also a flipped bit is found that changes nothing.
  enum class Check : std::uint8_t { kDecoded, kStoredToo };
  Result<std::vector<std::byte>> read_group(std::size_t group, Check check = Check::kDecoded) const;

  // Whether SEGMENT is what its digest says. GROUP_BYTES: of its group, as it was read.
  bool is_sound(std::uint32_t segment, ByteSpan group_bytes, Hasher& hasher) const;
  ByteSpan segment_in(std::uint32_t segment, ByteSpan group_bytes) const;

 private:
  PackReader(std::unique_ptr<StoredFile> file, PackTable table)
      : file_(std::move(file)), table_(std::move(table)) {}

  const std::unique_ptr<StoredFile> file_;
  const PackTable table_;
};

// Of a whole file. Says nothing about which pack it is: that is PackTable::id.
Result<PackTable> read_pack_table(const StoredFile& file);

// A file's name in packs/; nothing: it is no pack's.
std::optional<Digest> parse_pack_name(std::string_view name);

}  // namespace orrery::store
