#include "machine/boot/multiboot.hpp"

#include <algorithm>
#include <optional>

#include "base/format.hpp"
#include "machine/boot/elf.hpp"
#include "machine/boot/layout.hpp"
#include "machine/boot/multiboot_information.hpp"
#include "machine/boot/start_state.hpp"

namespace orrery::machine::boot {
namespace {

// Multiboot 0.6.96, 3.1.1 and 3.1.3.
struct Header {
  static constexpr std::uint32_t kMagic = 0x1bad'b002;
  static constexpr std::uint32_t kHasAddresses = 1u << 16;
  static constexpr std::uint32_t kMustUnderstand = 0xffff;  // flags a loader has to know
  static constexpr std::uint32_t kUnderstood = 0b111;       // page-aligned modules, memory, video
  std::uint32_t magic, flags, checksum;
};
struct Addresses {
  std::uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};
constexpr std::size_t kSearched = 8192;
constexpr std::uint32_t kBootloaderMagic = 0x2bad'b002;

struct Found {
  Header header;
  std::size_t offset = 0;
};

std::optional<Found> find_header(ByteSpan file) {
  const ByteSpan searched = file.first(std::min(file.size(), kSearched));
  for (std::size_t offset = 0; offset + sizeof(Header) <= searched.size(); offset += 4) {
    if (load_le<std::uint32_t>(searched.data() + offset) != Header::kMagic) continue;
    ByteReader reader(searched);
    (void)reader.seek(offset);
    const auto header = reader.read<Header>();
    if (header && header->magic + header->flags + header->checksum == 0) {
      return Found{*header, offset};
    }
  }
  return std::nullopt;
}

// The a.out kludge (3.1.3): the header says where it itself lies in memory, and from that where the
// file does.
Result<std::uint64_t> load_by_addresses(Layout& layout, ByteSpan file, const Found& found) {
  ByteReader reader(file);
  (void)reader.seek(found.offset + sizeof(Header));
  const auto addresses = reader.read<Addresses>();
  if (!addresses) {
    return fail(format("cut short within the multiboot addresses at file offset {:#x}",
                       found.offset + sizeof(Header)));
  }
  const std::uint64_t before_header = addresses->header_addr - addresses->load_addr;
  if (addresses->header_addr < addresses->load_addr || before_header > found.offset) {
    return fail(
        format("multiboot load_addr {:#x} lies before the file's start or behind header_addr "
               "{:#x}",
               addresses->load_addr, addresses->header_addr));
  }
  const std::uint64_t start = found.offset - before_header;
  const std::uint64_t size = addresses->load_end_addr == 0
                                 ? file.size() - start
                                 : std::uint64_t{addresses->load_end_addr} - addresses->load_addr;
  if (addresses->load_end_addr != 0 && addresses->load_end_addr < addresses->load_addr) {
    return fail("multiboot load_end_addr lies before load_addr");
  }
  if (size > file.size() - start) {
    return fail(
        format("cut short: multiboot load_end_addr wants {} bytes from file offset {:#x}, the "
               "file ends at {:#x}",
               size, start, file.size()));
  }
  const std::uint64_t end =
      std::max(addresses->load_addr + size, std::uint64_t{addresses->bss_end_addr});
  const GuestPhysical address(addresses->load_addr);
  ORRERY_CHECK(layout.claim(address, end - address.value(), "the kernel"));
  layout.copy(address, file.subspan(start, size));
  layout.zero(address + size, end - address.value() - size);
  return addresses->entry_addr;
}

Result<std::uint64_t> load_by_segments(Layout& layout, ByteSpan bytes) {
  ORRERY_TRY(const ElfFile file, parse_elf(bytes));
  ORRERY_CHECK(load_segments(layout, file));
  return file.physical_entry();
}

}  // namespace

bool is_multiboot(ByteSpan kernel) {
  return find_header(kernel).has_value();
}

Result<x86::CpuState> load_multiboot(const Destination& destination, const Payload& payload) {
  const ByteSpan file = payload.kernel.bytes;
  const auto found = find_header(file);
  if (!found) return fail("no multiboot header in the first 8192 bytes");
  const std::uint32_t unknown =
      found->header.flags & Header::kMustUnderstand & ~Header::kUnderstood;
  if (unknown != 0) {
    return fail(
        format("multiboot flags {:#x} at file offset {:#x} demand what this loader does not "
               "offer",
               unknown, found->offset + 4));
  }
  Layout layout(destination);
  const bool by_addresses = (found->header.flags & Header::kHasAddresses) != 0;
  ORRERY_TRY(const std::uint64_t entry, by_addresses ? load_by_addresses(layout, file, *found)
                                                     : load_by_segments(layout, file));
  if (entry > 0xffff'ffff) {
    return fail(format("the entry {:#x} lies above 4 GiB, but is entered in 32-bit mode", entry));
  }
  ORRERY_TRY(const GuestPhysical information, place_multiboot_information(layout, payload));
  ORRERY_TRY(x86::CpuState state, protected_mode_state(layout, GuestPhysical(entry)));
  state[x86::Gpr::kRax] = kBootloaderMagic;
  state[x86::Gpr::kRbx] = information.value();
  return state;
}

}  // namespace orrery::machine::boot
