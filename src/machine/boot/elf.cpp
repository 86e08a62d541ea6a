#include "machine/boot/elf.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bits.hpp"
#include "base/format.hpp"

namespace orrery::machine::boot {
namespace {

constexpr std::array<unsigned char, 4> kMagic{0x7f, 'E', 'L', 'F'};
constexpr std::uint8_t kClass32 = 1;
constexpr std::uint8_t kClass64 = 2;
constexpr std::uint8_t kLittleEndian = 1;
constexpr std::uint16_t kMachine386 = 3;
constexpr std::uint16_t kMachineX8664 = 62;
// Real kernels have under ten; the bound keeps hostile files from costing time.
constexpr std::uint16_t kMaximumProgramHeaders = 256;
constexpr std::uint32_t kLoad = 1;  // PT_LOAD
constexpr std::uint32_t kNote = 4;  // PT_NOTE

// The two classes differ in the width of addresses and the place of p_flags.
struct Class32 {
  struct Header {
    std::array<std::uint8_t, 16> identification;
    std::uint16_t type, machine;
    std::uint32_t version;
    std::uint32_t entry, program_headers, section_headers;
    std::uint32_t flags;
    std::uint16_t header_size, program_header_size, program_header_count;
    std::uint16_t section_header_size, section_header_count, section_names;
  };
  struct ProgramHeader {
    std::uint32_t type, offset, virtual_address, physical_address, file_size, memory_size, flags,
        alignment;
  };
};
static_assert(sizeof(Class32::Header) == 52 && sizeof(Class32::ProgramHeader) == 32);

struct Class64 {
  struct Header {
    std::array<std::uint8_t, 16> identification;
    std::uint16_t type, machine;
    std::uint32_t version;
    std::uint64_t entry, program_headers, section_headers;
    std::uint32_t flags;
    std::uint16_t header_size, program_header_size, program_header_count;
    std::uint16_t section_header_size, section_header_count, section_names;
  };
  struct ProgramHeader {
    std::uint32_t type, flags;
    std::uint64_t offset, virtual_address, physical_address, file_size, memory_size, alignment;
  };
};
static_assert(sizeof(Class64::Header) == 64 && sizeof(Class64::ProgramHeader) == 56);

template <typename ProgramHeader>
Result<> add_segment(ElfFile& elf, ByteSpan file, const ProgramHeader& header, unsigned number) {
  if (header.type != kLoad && header.type != kNote) return {};
  const std::uint64_t offset = header.offset;
  const std::uint64_t size = header.file_size;
  if (offset > file.size() || size > file.size() - offset) {
    return fail(
        format("cut short: program header {} has {} bytes at file offset {:#x}, the file "
               "ends at {:#x}",
               number, size, offset, file.size()));
  }
  const ByteSpan bytes = file.subspan(offset, size);
  if (header.type == kNote) {
    elf.notes.push_back(bytes);
  } else if (header.memory_size < size) {
    return fail(format("program header {}: more bytes in the file ({}) than in memory ({})", number,
                       size, std::uint64_t{header.memory_size}));
  } else if (header.memory_size != 0) {
    elf.segments.push_back(
        {offset, header.virtual_address, header.physical_address, header.memory_size, bytes});
  }
  return {};
}

template <typename Class>
Result<ElfFile> parse_class(ByteSpan file) {
  ByteReader reader(file);
  const auto header = reader.read<typename Class::Header>();
  if (!header) return fail("cut short within the ELF header");
  if (header->machine != kMachine386 && header->machine != kMachineX8664) {
    return fail(format("ELF for machine {} (file offset 0x12), not x86", header->machine));
  }
  if (header->program_header_size != sizeof(typename Class::ProgramHeader)) {
    return fail(format("program headers of {} bytes instead of {}", header->program_header_size,
                       sizeof(typename Class::ProgramHeader)));
  }
  if (header->program_headers > file.size()) {
    return fail(format("cut short: program headers at file offset {:#x}, the file ends at {:#x}",
                       std::uint64_t{header->program_headers}, file.size()));
  }
  if (header->program_header_count > kMaximumProgramHeaders) {
    return fail(format("{} program headers; at most {} are supported", header->program_header_count,
                       kMaximumProgramHeaders));
  }
  ElfFile elf{.entry = header->entry, .segments = {}, .notes = {}};
  (void)reader.seek(header->program_headers);
  for (unsigned i = 0; i < header->program_header_count; ++i) {
    const auto program_header = reader.read<typename Class::ProgramHeader>();
    if (!program_header) return fail(format("cut short within program header {}", i));
    ORRERY_CHECK(add_segment(elf, file, *program_header, i));
  }
  if (elf.segments.empty()) return fail("an ELF file without loadable segments");
  return elf;
}

// Notes are padded to four bytes: name size, descriptor size, type, name, descriptor.
std::optional<ByteSpan> find_in(ByteSpan notes, std::string_view owner, std::uint32_t type) {
  ByteReader reader(notes);
  while (true) {
    const auto sizes = reader.read<std::array<std::uint32_t, 3>>();
    if (!sizes) return std::nullopt;
    const auto [name_size, descriptor_size, note_type] = *sizes;
    const auto name = reader.read_bytes(align_up(name_size, 4));
    if (!name) return std::nullopt;
    const auto descriptor = reader.read_bytes(descriptor_size);
    if (!descriptor) return std::nullopt;
    const bool same_owner =
        name_size == owner.size() + 1 && std::memcmp(name->data(), owner.data(), owner.size()) == 0;
    if (same_owner && note_type == type) return descriptor;
    const std::size_t padding = align_up(descriptor_size, 4) - descriptor_size;
    if (!reader.read_bytes(padding)) return std::nullopt;
  }
}

}  // namespace

std::optional<ByteSpan> ElfFile::find_note(std::string_view owner, std::uint32_t type) const {
  for (const ByteSpan content : notes) {
    if (const auto found = find_in(content, owner, type)) return found;
  }
  return std::nullopt;
}

std::uint64_t ElfFile::physical_entry() const {
  for (const ElfSegment& segment : segments) {
    if (entry >= segment.virtual_address && entry - segment.virtual_address < segment.memory_size) {
      return segment.physical_address + (entry - segment.virtual_address);
    }
  }
  return entry;
}

bool is_elf(ByteSpan file) {
  return file.size() >= kMagic.size() &&
         std::memcmp(file.data(), kMagic.data(), kMagic.size()) == 0;
}

Result<ElfFile> parse_elf(ByteSpan file) {
  constexpr std::size_t kClassOffset = 4;
  constexpr std::size_t kDataOffset = 5;
  if (!is_elf(file) || file.size() <= kDataOffset) return fail("not an ELF file");
  if (std::to_integer<std::uint8_t>(file[kDataOffset]) != kLittleEndian) {
    return fail("a big-endian ELF file (file offset 5)");
  }
  switch (std::to_integer<std::uint8_t>(file[kClassOffset])) {
    case kClass32: return parse_class<Class32>(file);
    case kClass64: return parse_class<Class64>(file);
    default: return fail("neither ELF32 nor ELF64 (file offset 4)");
  }
}

Result<> load_segments(Layout& layout, const ElfFile& file) {
  for (const ElfSegment& segment : file.segments) {
    const GuestPhysical address(segment.physical_address);
    ORRERY_CHECK(layout.claim(address, segment.memory_size,
                              format("the segment at file offset {:#x}", segment.file_offset)));
    layout.copy(address, segment.bytes);
    layout.zero(address + segment.bytes.size(), segment.memory_size - segment.bytes.size());
  }
  return {};
}

}  // namespace orrery::machine::boot
