// The part of an ELF executable that loaders need: entry, loadable segments and notes, with 32- and
// 64-bit files brought to one form (System V ABI, "ELF Header", "Program Header", "Note Section").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "machine/boot/layout.hpp"

namespace orrery::machine::boot {

struct ElfSegment {
  std::uint64_t file_offset = 0;
  std::uint64_t virtual_address = 0;
  std::uint64_t physical_address = 0;
  std::uint64_t memory_size = 0;
  ByteSpan bytes;  // what the file has of it; the rest is zero
};

struct ElfFile {
  std::uint64_t entry = 0;  // as the header has it: by convention virtual
  std::vector<ElfSegment> segments;
  std::vector<ByteSpan> notes;  // content of each PT_NOTE

  // The descriptor of the first note with this owner and type.
  std::optional<ByteSpan> find_note(std::string_view owner, std::uint32_t type) const;

  // The entry translated by the segment that holds it, or the entry itself when none does.
  std::uint64_t physical_entry() const;
};

bool is_elf(ByteSpan file);

// Refuses what is not a little-endian x86 executable with at least one loadable segment.
Result<ElfFile> parse_elf(ByteSpan file);

// Copies all segments to their physical addresses.
Result<> load_segments(Layout& layout, const ElfFile& file);

}  // namespace orrery::machine::boot
