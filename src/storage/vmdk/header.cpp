#include "storage/vmdk/header.hpp"

#include <bit>

#include "base/format.hpp"

namespace orrery::storage::vmdk {
namespace {

constexpr std::uint32_t kMagic = 0x564D'444B;  // "KDMV" in the file

namespace field {
constexpr std::size_t kVersion = 4;             // u32
constexpr std::size_t kFlags = 8;               // u32
constexpr std::size_t kCapacity = 12;           // u64
constexpr std::size_t kGrainSize = 20;          // u64
constexpr std::size_t kDescriptorOffset = 28;   // u64
constexpr std::size_t kDescriptorSize = 36;     // u64
constexpr std::size_t kNumGtesPerGt = 44;       // u32
constexpr std::size_t kGdOffset = 56;           // u64
constexpr std::size_t kNewlines = 73;           // "\n \r\n": shows that nobody changed line ends
constexpr std::size_t kCompressAlgorithm = 77;  // u16; 1: deflate
}  // namespace field

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\"";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Result<Header> parse_header(ByteSpan bytes) {
  const std::byte* const data = bytes.data();
  if (load_le<std::uint32_t>(data) != kMagic) return fail("is no VMDK of one sparse file");
  Header header;
  header.version = load_le<std::uint32_t>(data + field::kVersion);
  header.flags = load_le<std::uint32_t>(data + field::kFlags);
  header.capacity = load_le<std::uint64_t>(data + field::kCapacity);
  header.grain_size = load_le<std::uint64_t>(data + field::kGrainSize);
  header.descriptor_at = load_le<std::uint64_t>(data + field::kDescriptorOffset);
  header.descriptor_size = load_le<std::uint64_t>(data + field::kDescriptorSize);
  header.entries_per_table = load_le<std::uint32_t>(data + field::kNumGtesPerGt);
  header.directory_at = load_le<std::uint64_t>(data + field::kGdOffset);
  if (header.version < 1 || header.version > 3) {
    return fail(format("version {} of VMDK, which Orrery does not know", header.version));
  }
  if ((header.flags & 1) != 0 &&
      std::string_view(reinterpret_cast<const char*>(data + field::kNewlines), 4) != "\n \r\n") {
    return fail("damaged: a transfer as text has changed its line ends");
  }
  const auto algorithm = load_le<std::uint16_t>(data + field::kCompressAlgorithm);
  if ((header.flags & kCompressed) != 0 && algorithm != 1) {
    return fail(format("compressed by algorithm {}, which Orrery does not know", algorithm));
  }
  constexpr std::uint64_t kMostGrain = 16384;  // 8 MiB; 64 KiB are usual
  constexpr std::uint64_t kMostCapacity = 1ull << 53;
  if (!std::has_single_bit(header.grain_size) || header.grain_size > kMostGrain) {
    return fail(format("damaged: grains of {} sectors", header.grain_size));
  }
  if (header.entries_per_table == 0 || header.entries_per_table > 65536) {
    return fail(format("damaged: {} entries in a grain table", header.entries_per_table));
  }
  if (header.capacity == 0 || header.capacity > kMostCapacity) {
    return fail(format("damaged: a disk of {} sectors", header.capacity));
  }
  return header;
}

Descriptor parse_descriptor(std::string_view text) {
  Descriptor descriptor;
  text = text.substr(0, text.find('\0'));
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.starts_with("RW ") || line.starts_with("RDONLY ")) ++descriptor.extents;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = trim(line.substr(0, equals));
    const std::string_view value = trim(line.substr(equals + 1));
    if (key == "createType") descriptor.create_type = value;
    if (key == "CID") descriptor.content = value;
    if (key == "parentCID") descriptor.parent_content = value;
  }
  return descriptor;
}

}  // namespace orrery::storage::vmdk
