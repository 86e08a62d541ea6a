#include "storage/vhd/header.hpp"

#include <algorithm>
#include <bit>
#include <string_view>

#include "base/format.hpp"
#include "storage/io/utf16.hpp"

namespace orrery::storage::vhd {
namespace {

constexpr std::string_view kFooterCookie = "conectix";
constexpr std::string_view kHeaderCookie = "cxsparse";

namespace footer_field {
constexpr std::size_t kVersion = 12;      // u32, major in the upper half
constexpr std::size_t kDataOffset = 16;   // u64
constexpr std::size_t kCurrentSize = 48;  // u64
constexpr std::size_t kDiskType = 60;     // u32
constexpr std::size_t kChecksum = 64;     // u32
constexpr std::size_t kUniqueId = 68;     // 16 bytes
}  // namespace footer_field

namespace header_field {
constexpr std::size_t kTableOffset = 16;      // u64
constexpr std::size_t kMaxTableEntries = 28;  // u32
constexpr std::size_t kBlockSize = 32;        // u32
constexpr std::size_t kChecksum = 36;         // u32
constexpr std::size_t kParentUniqueId = 40;   // 16 bytes
constexpr std::size_t kParentName = 64;       // UTF-16, big-endian
constexpr std::size_t kParentNameLength = 512;
constexpr std::size_t kLocators = 576;
constexpr std::size_t kLocatorCount = 8;
// of a locator
constexpr std::size_t kPlatformCode = 0;    // u32
constexpr std::size_t kDataLength = 8;      // u32
constexpr std::size_t kLocatorOffset = 16;  // u64
constexpr std::size_t kLocatorLength = 24;
constexpr std::uint32_t kRelative = 0x5732'7275;  // "W2ru"
constexpr std::uint32_t kAbsolute = 0x5732'6B75;  // "W2ku"
constexpr std::uint32_t kMostPath = 65536;
}  // namespace header_field

// The complement of the sum of all bytes but its own.
bool is_whole(ByteSpan bytes, std::size_t checksum_at) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i < checksum_at || i >= checksum_at + 4) sum += static_cast<std::uint32_t>(bytes[i]);
  }
  return load_be<std::uint32_t>(&bytes[checksum_at]) == ~sum;
}

bool starts_with(ByteSpan bytes, std::string_view cookie) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with(cookie);
}

std::string name_of_parent(ByteSpan bytes) {
  std::vector<std::byte> little;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    if (bytes[i] == std::byte{0} && bytes[i + 1] == std::byte{0}) break;
    little.push_back(bytes[i + 1]);
    little.push_back(bytes[i]);
  }
  return from_utf16(little);
}

}  // namespace

bool is_footer(ByteSpan bytes) {
  return bytes.size() >= kFooterLength && starts_with(bytes, kFooterCookie) &&
         is_whole(bytes.first(kFooterLength), footer_field::kChecksum);
}

Result<Footer> parse_footer(ByteSpan bytes) {
  namespace field = footer_field;
  const auto version = load_be<std::uint32_t>(&bytes[field::kVersion]);
  if (version >> 16 != 1) {
    return fail(format("version {} of VHD, which Orrery does not know", version >> 16));
  }
  Footer footer;
  const auto kind = load_be<std::uint32_t>(&bytes[field::kDiskType]);
  if (kind < 2 || kind > 4)
    return fail(format("a VHD of kind {}, which Orrery does not know", kind));
  footer.kind = static_cast<Kind>(kind);
  footer.size = load_be<std::uint64_t>(&bytes[field::kCurrentSize]);
  footer.header_at = load_be<std::uint64_t>(&bytes[field::kDataOffset]);
  std::copy_n(&bytes[field::kUniqueId], 16, footer.identifier.begin());
  // Tables have sector numbers of 32 bits.
  constexpr std::uint64_t kMostSize = 1ull << 41;
  const bool fixed = footer.kind == Kind::kFixed;
  if (footer.size == 0 || footer.size % 512 != 0 ||
      footer.size > (fixed ? 1ull << 62 : kMostSize)) {
    return fail(format("damaged: a disk of {} bytes", footer.size));
  }
  return footer;
}

Result<DynamicHeader> parse_dynamic_header(ByteSpan bytes, std::uint64_t disk_size,
                                           std::uint64_t file_size) {
  namespace field = header_field;
  if (!starts_with(bytes, kHeaderCookie) || !is_whole(bytes, field::kChecksum)) {
    return fail("damaged: its dynamic disk header is not whole");
  }
  DynamicHeader header;
  header.table_at = load_be<std::uint64_t>(&bytes[field::kTableOffset]);
  header.entries = load_be<std::uint32_t>(&bytes[field::kMaxTableEntries]);
  header.block_size = load_be<std::uint32_t>(&bytes[field::kBlockSize]);
  if (!std::has_single_bit(header.block_size) || header.block_size < 4096 ||
      header.block_size > 1u << 30) {
    return fail(format("damaged: blocks of {} bytes", header.block_size));
  }
  if (std::uint64_t{header.entries} * header.block_size < disk_size) {
    return fail(format("damaged: {} blocks of {} bytes for a disk of {}", header.entries,
                       header.block_size, disk_size));
  }
  if (header.table_at % 512 != 0 || header.table_at > file_size ||
      header.entries * 4ull > file_size - header.table_at) {
    return fail(format("damaged: its table of {} blocks at {} is not within the file of {} bytes",
                       header.entries, header.table_at, file_size));
  }
  std::copy_n(&bytes[field::kParentUniqueId], 16, header.parent.begin());
  header.parent_name = name_of_parent(bytes.subspan(field::kParentName, field::kParentNameLength));
  for (std::size_t i = 0; i < field::kLocatorCount; ++i) {
    const std::byte* const entry = &bytes[field::kLocators + i * field::kLocatorLength];
    const auto code = load_be<std::uint32_t>(entry + field::kPlatformCode);
    if (code != field::kRelative && code != field::kAbsolute) continue;
    header.locators.push_back(
        {load_be<std::uint64_t>(entry + field::kLocatorOffset),
         std::min(load_be<std::uint32_t>(entry + field::kDataLength), field::kMostPath),
         code == field::kRelative});
  }
  return header;
}

}  // namespace orrery::storage::vhd
