#include "storage/qcow2/header.hpp"

#include <algorithm>
#include <array>

#include "base/bits.hpp"
#include "base/format.hpp"

namespace orrery::storage::qcow2 {
namespace {

std::uint32_t u32(ByteSpan bytes, std::size_t at) {
  return load_be<std::uint32_t>(bytes.data() + at);
}
std::uint64_t u64(ByteSpan bytes, std::size_t at) {
  return load_be<std::uint64_t>(bytes.data() + at);
}
std::string text_of(ByteSpan bytes) {
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.substr(0, text.find('\0'));
}

// "Feature name table": type (0: incompatible), bit, and 46 bytes of name.
std::string feature_name(const Header& header, unsigned wanted) {
  constexpr std::size_t kEntry = 48;
  const Extension* const names = header.extension(kExtensionFeatureNames);
  if (names != nullptr) {
    const ByteSpan table(names->data);
    for (std::size_t at = 0; at + kEntry <= table.size(); at += kEntry) {
      if (table[at] != std::byte{0} || table[at + 1] != static_cast<std::byte>(wanted)) continue;
      std::string name = text_of(table.subspan(at + 2, kEntry - 2));
      std::erase_if(name, [](char c) { return c < ' ' || c > '~'; });
      return format("\"{}\" (bit {})", name, wanted);
    }
  }
  return format("bit {}", wanted);
}

Result<> check_features(const Header& header) {
  if ((header.incompatible & kExternalData) != 0) {
    return fail(
        "its data is in a file of its own (feature \"external data file\"), which Orrery does not "
        "read; make one file of it with `qemu-img convert -O qcow2`");
  }
  const std::uint64_t unknown = header.incompatible & ~kKnownIncompatible;
  if (unknown == 0) return {};
  std::string names;
  for (unsigned i = 0; i < 64; ++i) {
    if (bit(unknown, i)) names += (names.empty() ? "" : ", ") + feature_name(header, i);
  }
  return fail(
      format("needs what this version of Orrery does not know: {}; convert it with the program "
             "that made it",
             names));
}

// CUT: there is more of the first cluster than START.
Result<> parse_extensions(Header& header, ByteSpan start, bool cut, std::size_t at) {
  while (at + 8 <= start.size()) {
    const std::uint32_t type = u32(start, at);
    const std::uint32_t length = u32(start, at + 4);
    at += 8;
    if (type == kExtensionEnd) return {};
    if (length > start.size() - at) {
      return fail(format("damaged: header extension {:#x} is longer than the header", type));
    }
    const ByteSpan data = start.subspan(at, length);
    header.extensions.push_back({type, {data.begin(), data.end()}});
    at += static_cast<std::size_t>(align_up(length, 8));
  }
  if (cut) return fail("cut short: the header is not whole");
  return {};
}

Result<> check_table(const char* what, std::uint64_t offset, std::uint64_t length,
                     std::uint64_t cluster_size, std::uint64_t file_size) {
  if (length == 0) return {};
  if (!is_aligned(offset, cluster_size) || offset == 0) {
    return fail(format("damaged: the {} at {} is not at a cluster's start", what, offset));
  }
  if (offset > file_size || length > file_size - offset) {
    return fail(format("damaged or cut short: the {} ({} bytes at {}) lies outside the file of {}",
                       what, length, offset, file_size));
  }
  return {};
}

Result<> check_sizes(const Header& header, std::uint64_t file_size) {
  const std::uint64_t cluster = header.cluster_size();
  const std::uint64_t reach = header.l2_reach();
  const std::uint64_t needed = header.size / reach + (header.size % reach != 0 ? 1 : 0);
  if (header.l1_entries * 8ull > kLargestL1) {
    return fail(
        format("its L1 table of {} entries is larger than any disk needs", header.l1_entries));
  }
  if (header.l1_entries < needed) {
    return fail(format("damaged: its L1 table has {} entries, and its size of {} bytes needs {}",
                       header.l1_entries, header.size, needed));
  }
  if (header.refcount_clusters * cluster > kLargestRefcountTable) {
    return fail(format("its refcount table of {} clusters is larger than any disk needs",
                       header.refcount_clusters));
  }
  if (header.refcount_clusters == 0) return fail("damaged: it has no refcount table");
  if (header.snapshot_count > kMostSnapshots) {
    return fail(format("damaged: it names {} snapshots", header.snapshot_count));
  }
  ORRERY_CHECK(
      check_table("L1 table", header.l1_offset, header.l1_entries * 8ull, cluster, file_size));
  ORRERY_CHECK(check_table("refcount table", header.refcount_offset,
                           header.refcount_clusters * cluster, cluster, file_size));
  return check_table("snapshot table", header.snapshots_offset,
                     header.snapshot_count * std::uint64_t{snapshot_field::kEntryLength}, cluster,
                     file_size);
}

Result<> parse_version3(Header& header, ByteSpan start) {
  if (start.size() < kVersion3Length) return fail("cut short: the header is not whole");
  header.incompatible = u64(start, field::kIncompatible);
  header.compatible = u64(start, field::kCompatible);
  header.autoclear = u64(start, field::kAutoclear);
  header.refcount_order = u32(start, field::kRefcountOrder);
  header.length = u32(start, field::kHeaderLength);
  if (header.length < kVersion3Length || header.length > start.size() || header.length % 8 != 0) {
    return fail(format("damaged: a header of {} bytes", header.length));
  }
  if (header.length > field::kCompressionType) {
    const auto type = static_cast<std::uint8_t>(start[field::kCompressionType]);
    if (type > 1) return fail(format("compressed in a way Orrery does not know (type {})", type));
    header.compression = static_cast<Compression>(type);
  }
  if (header.compression != Compression::kZlib &&
      (header.incompatible & kCompressionTypeSet) == 0) {
    return fail("damaged: a compression type without its feature bit");
  }
  return {};
}

Result<> parse_backing(Header& header, ByteSpan start) {
  const std::uint64_t offset = u64(start, field::kBackingNameOffset);
  const std::uint32_t length = u32(start, field::kBackingNameLength);
  if (offset == 0 || length == 0) return {};
  if (length > kLongestBackingName || offset > start.size() || length > start.size() - offset) {
    return fail("damaged: the name of its backing file is not within its first cluster");
  }
  header.backing = text_of(start.subspan(offset, length));
  return {};
}

}  // namespace

const Extension* Header::extension(std::uint32_t type) const {
  const auto found = std::find_if(extensions.begin(), extensions.end(),
                                  [&](const Extension& each) { return each.type == type; });
  return found == extensions.end() ? nullptr : &*found;
}

void Header::set_extension(std::uint32_t type, std::vector<std::byte> data) {
  const auto found = std::find_if(extensions.begin(), extensions.end(),
                                  [&](const Extension& each) { return each.type == type; });
  if (data.empty()) {
    if (found != extensions.end()) extensions.erase(found);
  } else if (found != extensions.end()) {
    found->data = std::move(data);  // in its place, so that nothing else in the file moves
  } else {
    extensions.push_back({type, std::move(data)});
  }
}

std::string Header::backing_format() const {
  const Extension* const found = extension(kExtensionBackingFormat);
  return found == nullptr ? std::string() : text_of(found->data);
}

void Header::set_backing_format(std::string_view name) {
  const auto* const text = reinterpret_cast<const std::byte*>(name.data());
  set_extension(kExtensionBackingFormat, {text, text + name.size()});
}

bool has_magic(ByteSpan start) {
  return start.size() >= 8 && u32(start, field::kMagicAt) == kMagic;
}

Result<Header> parse_header(ByteSpan start, std::uint64_t file_size) {
  if (!has_magic(start)) return fail("not a qcow2 image: it does not begin with \"QFI\\xfb\"");
  if (start.size() < kVersion2Length) return fail("cut short: the header is not whole");
  Header header;
  header.version = u32(start, field::kVersion);
  if (header.version != 2 && header.version != 3) {
    return fail(
        format("version {} of qcow2, which Orrery does not know; convert it with `qemu-img "
               "convert -O qcow2`",
               header.version));
  }
  header.cluster_bits = u32(start, field::kClusterBits);
  if (header.cluster_bits < kLeastClusterBits || header.cluster_bits > kMostClusterBits) {
    return fail(format("damaged: clusters of 2^{} bytes", header.cluster_bits));
  }
  start = start.first(std::min<std::size_t>(start.size(), header.cluster_size()));
  const bool cut = start.size() < std::min(header.cluster_size(), file_size);
  header.size = u64(start, field::kSize);
  header.l1_entries = u32(start, field::kL1Size);
  header.l1_offset = u64(start, field::kL1Offset);
  header.refcount_offset = u64(start, field::kRefcountOffset);
  header.refcount_clusters = u32(start, field::kRefcountClusters);
  header.snapshot_count = u32(start, field::kSnapshotCount);
  header.snapshots_offset = u64(start, field::kSnapshotsOffset);
  header.length = kVersion2Length;
  if (header.version == 3) ORRERY_CHECK(parse_version3(header, start));
  ORRERY_CHECK(parse_extensions(header, start, cut, header.length));
  ORRERY_CHECK(check_features(header));
  if (u32(start, field::kCryptMethod) != 0) {
    return fail("encrypted, which Orrery does not read yet; decrypt it with `qemu-img convert`");
  }
  if (header.refcount_order > kMostRefcountOrder) {
    return fail(format("damaged: refcounts of 2^{} bits", header.refcount_order));
  }
  if (header.extended_l2() && header.cluster_bits < 14) {
    return fail("damaged: subclusters need clusters of 16 KiB or more");
  }
  // No disk is larger, and sums of offsets within it do not overflow.
  if (header.size > 1ull << 62) return fail(format("damaged: a size of {} bytes", header.size));
  ORRERY_CHECK(check_sizes(header, file_size));
  ORRERY_CHECK(parse_backing(header, start));
  return header;
}

Result<std::vector<std::byte>> write_header(const Header& header) {
  std::vector<std::byte> bytes(header.cluster_size());
  const auto put32 = [&](std::size_t at, std::uint32_t value) { store_be(&bytes[at], value); };
  const auto put64 = [&](std::size_t at, std::uint64_t value) { store_be(&bytes[at], value); };
  put32(field::kMagicAt, kMagic);
  put32(field::kVersion, header.version);
  put32(field::kClusterBits, header.cluster_bits);
  put64(field::kSize, header.size);
  put32(field::kL1Size, header.l1_entries);
  put64(field::kL1Offset, header.l1_offset);
  put64(field::kRefcountOffset, header.refcount_offset);
  put32(field::kRefcountClusters, header.refcount_clusters);
  put32(field::kSnapshotCount, header.snapshot_count);
  put64(field::kSnapshotsOffset, header.snapshots_offset);
  std::size_t at = kVersion2Length;
  if (header.version == 3) {
    put64(field::kIncompatible, header.incompatible);
    put64(field::kCompatible, header.compatible);
    put64(field::kAutoclear, header.autoclear);
    put32(field::kRefcountOrder, header.refcount_order);
    put32(field::kHeaderLength, static_cast<std::uint32_t>(header.length));
    if (header.length > field::kCompressionType) {
      bytes[field::kCompressionType] = static_cast<std::byte>(header.compression);
    }
    at = header.length;
  }
  const auto fits = [&](std::size_t more) { return more <= bytes.size() - at; };
  for (const Extension& extension : header.extensions) {
    const std::size_t padded = align_up(extension.data.size(), 8);
    if (!fits(8 + padded + 8)) return fail("its header does not fit into one cluster");
    put32(at, extension.type);
    put32(at + 4, static_cast<std::uint32_t>(extension.data.size()));
    std::copy(extension.data.begin(), extension.data.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(at) + 8);
    at += 8 + padded;
  }
  at += 8;  // the end: type 0, length 0
  if (header.backing.empty()) return bytes;
  if (header.backing.size() > kLongestBackingName || !fits(header.backing.size())) {
    return fail(format(
        "the path of its backing file, {} bytes, is too long: at most {} and within one cluster",
        header.backing.size(), kLongestBackingName));
  }
  put64(field::kBackingNameOffset, at);
  put32(field::kBackingNameLength, static_cast<std::uint32_t>(header.backing.size()));
  std::memcpy(&bytes[at], header.backing.data(), header.backing.size());
  return bytes;
}

}  // namespace orrery::storage::qcow2
