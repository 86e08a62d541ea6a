// Builds small ELF executables for tests.
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace orrery::machine::boot {

enum class ElfClass { k32, k64 };

class ElfBuilder {
 public:
  ElfBuilder(ElfClass elf_class, std::uint64_t entry) : class_(elf_class), entry_(entry) {}

  void add_segment(std::uint64_t virtual_address, std::uint64_t physical_address,
                   std::vector<std::byte> bytes, std::uint64_t memory_size) {
    headers_.push_back({1, virtual_address, physical_address, std::move(bytes), memory_size});
  }

  void add_note(std::string_view owner, std::uint32_t type, std::uint64_t value) {
    ByteWriter note;
    note.write(static_cast<std::uint32_t>(owner.size() + 1));
    note.write(std::uint32_t{8});
    note.write(type);
    std::vector<char> name(owner.begin(), owner.end());
    name.resize((owner.size() + 4) & ~std::size_t{3});
    note.write_bytes(as_bytes(name.data(), name.size()));
    note.write(value);
    headers_.push_back({4, 0, 0, note.take(), 0});
  }

  std::vector<std::byte> build() const {
    const bool wide = class_ == ElfClass::k64;
    const std::size_t header_size = wide ? 64 : 52;
    const std::size_t program_header_size = wide ? 56 : 32;
    std::uint64_t offset = header_size + program_header_size * headers_.size();
    ByteWriter out;
    const unsigned char identification[16] = {
        0x7f, 'E', 'L', 'F', static_cast<unsigned char>(wide ? 2 : 1), 1, 1};
    out.write(identification);
    out.write(std::uint16_t{2});
    out.write(static_cast<std::uint16_t>(wide ? 62 : 3));
    out.write(std::uint32_t{1});
    address(out, entry_);
    address(out, header_size);
    address(out, 0);
    out.write(std::uint32_t{0});
    for (const std::size_t field : {header_size, program_header_size, headers_.size(),
                                    std::size_t{0}, std::size_t{0}, std::size_t{0}}) {
      out.write(static_cast<std::uint16_t>(field));
    }
    for (const ProgramHeader& header : headers_) {
      out.write(header.type);
      if (wide) out.write(std::uint32_t{7});
      address(out, offset);
      address(out, header.virtual_address);
      address(out, header.physical_address);
      address(out, header.bytes.size());
      address(out, header.memory_size);
      if (!wide) out.write(std::uint32_t{7});
      address(out, 1);
      offset += header.bytes.size();
    }
    for (const ProgramHeader& header : headers_) out.write_bytes(header.bytes);
    return out.take();
  }

 private:
  struct ProgramHeader {
    std::uint32_t type;
    std::uint64_t virtual_address;
    std::uint64_t physical_address;
    std::vector<std::byte> bytes;
    std::uint64_t memory_size;
  };

  void address(ByteWriter& out, std::uint64_t value) const {
    if (class_ == ElfClass::k64) {
      out.write(value);
    } else {
      out.write(static_cast<std::uint32_t>(value));
    }
  }

  ElfClass class_;
  std::uint64_t entry_;
  std::vector<ProgramHeader> headers_;
};

}  // namespace orrery::machine::boot
