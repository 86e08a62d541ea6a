// The header of a qcow2 file: read, checked, and written. Private to storage/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/qcow2/layout.hpp"

namespace orrery::storage::qcow2 {

enum class Compression : std::uint8_t { kZlib = 0, kZstd = 1 };

struct Extension {
  std::uint32_t type = 0;
  std::vector<std::byte> data;
};

struct Header {
  std::uint32_t version = 3;
  std::uint32_t cluster_bits = 16;
  std::uint64_t size = 0;  // of the disk, bytes
  std::uint32_t l1_entries = 0;
  std::uint64_t l1_offset = 0;
  std::uint64_t refcount_offset = 0;
  std::uint32_t refcount_clusters = 0;
  std::uint32_t snapshot_count = 0;
  std::uint64_t snapshots_offset = 0;
  std::uint64_t incompatible = 0;
  std::uint64_t compatible = 0;
  std::uint64_t autoclear = 0;
  std::uint32_t refcount_order = 4;
  Compression compression = Compression::kZlib;
  std::size_t length = kOurLength;  // of the fixed part in the file
  std::string backing;              // empty: none
  std::vector<Extension> extensions;

  std::uint64_t cluster_size() const { return 1ull << cluster_bits; }
  bool extended_l2() const { return (incompatible & kExtendedL2) != 0; }
  std::uint64_t l2_entry_size() const { return extended_l2() ? 16 : 8; }
  std::uint64_t l2_entries() const { return cluster_size() / l2_entry_size(); }
  // What one L2 table describes, in bytes of the disk.
  std::uint64_t l2_reach() const { return l2_entries() << cluster_bits; }
  std::uint64_t refcounts_per_block() const { return cluster_size() * 8 >> refcount_order; }

  const Extension* extension(std::uint32_t type) const;
  // Instead of one of the same type; no data: none.
  void set_extension(std::uint32_t type, std::vector<std::byte> data);
  std::string backing_format() const;  // empty: not said
  void set_backing_format(std::string_view name);
};

// True for a file that begins like qcow2.
bool has_magic(ByteSpan start);

// START: the first cluster, or as much of it as the file has; an error where it is less, and the
// header goes on behind it. FILE_SIZE: tables have to lie within.
Result<Header> parse_header(ByteSpan start, std::uint64_t file_size);

// The first cluster (header, extensions, name of the backing file); an error where that is too
// long.
Result<std::vector<std::byte>> write_header(const Header& header);

}  // namespace orrery::storage::qcow2
