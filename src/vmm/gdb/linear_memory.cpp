#include "vmm/gdb/linear_memory.hpp"

#include <algorithm>

#include "base/bits.hpp"
#include "x86/control_registers.hpp"
#include "x86/paging.hpp"

namespace orrery::vmm::gdb {
namespace {

namespace page_entry = x86::page_entry;

// One paging mode: how the address is cut up, from the top.
struct Paging {
  GuestPhysical root;
  unsigned levels;
  unsigned index_bits;   // of every level, but the first of PAE
  unsigned entry_bytes;  // 4 or 8
  unsigned large_from;   // the highest level (1: last) whose entries may be pages
};

constexpr unsigned kPageBits = 12;

std::optional<Paging> paging_of(const x86::CpuState& state) {
  if ((state.cr0 & x86::cr0::kPaging) == 0) return std::nullopt;
  const std::uint64_t cr3 = state.cr3 & x86::kPhysicalAddressMask;
  if (state.long_mode()) return Paging{GuestPhysical(align_down(cr3, kPageSize)), 4, 9, 8, 3};
  if ((state.cr4 & x86::cr4::kPhysicalAddressExtension) != 0) {
    constexpr std::uint64_t kPointerTable = 32;
    return Paging{GuestPhysical(align_down(cr3 & 0xffff'ffff, kPointerTable)), 3, 9, 8, 2};
  }
  const bool large = (state.cr4 & x86::cr4::kPageSizeExtensions) != 0;
  return Paging{GuestPhysical(align_down(cr3 & 0xffff'ffff, kPageSize)), 2, 10, 4, large ? 2u : 1u};
}

std::uint64_t entry_address(std::uint64_t entry, unsigned shift, unsigned entry_bytes) {
  std::uint64_t address = entry & x86::kPhysicalAddressMask;
  // 4 MiB pages have bits 39..32 of the address in bits 20..13 (PSE-36).
  if (entry_bytes == 4 && shift > kPageBits) address |= bits(entry, 20, 13) << 32;
  return align_down(address, std::uint64_t{1} << shift);
}

// Calls access(physical, offset, count) for the parts of [ADDRESS, ADDRESS + SIZE) by page, until
// one is not mapped or it returns false; how much was passed.
template <typename Function>
std::size_t for_each_page(const x86::CpuState& state, const memory::GuestMemory& memory,
                          GuestLinear address, std::size_t size, Function access) {
  std::size_t done = 0;
  while (done < size) {
    const GuestLinear here(address.value() + done);
    const std::size_t count =
        std::min<std::size_t>(size - done, kPageSize - here.value() % kPageSize);
    const auto physical = translate(state, memory, here);
    if (!physical || !access(*physical, done, count)) break;
    done += count;
  }
  return done;
}

}  // namespace

std::optional<GuestPhysical> translate(const x86::CpuState& state,
                                       const memory::GuestMemory& memory, GuestLinear address) {
  const std::uint64_t linear = state.long_mode() ? address.value() : address.value() & 0xffff'ffff;
  const std::optional<Paging> paging = paging_of(state);
  if (!paging) return GuestPhysical(linear);
  GuestPhysical table = paging->root;
  for (unsigned level = paging->levels; level > 0; --level) {
    const unsigned shift = kPageBits + (level - 1) * paging->index_bits;
    const std::uint64_t index = linear >> shift & ((1u << paging->index_bits) - 1);
    std::uint64_t entry = 0;
    const MutableByteSpan into(reinterpret_cast<std::byte*>(&entry), paging->entry_bytes);
    if (!memory.read(table + index * paging->entry_bytes, into)) return std::nullopt;
    if ((entry & page_entry::kPresent) == 0) return std::nullopt;
    const bool large = level <= paging->large_from && (entry & page_entry::kLarge) != 0;
    if (level == 1 || large) {
      const std::uint64_t offset = linear & ((std::uint64_t{1} << shift) - 1);
      return GuestPhysical(entry_address(entry, shift, paging->entry_bytes) + offset);
    }
    table = GuestPhysical(entry_address(entry, kPageBits, paging->entry_bytes));
  }
  return std::nullopt;
}

std::size_t read_linear(const x86::CpuState& state, const memory::GuestMemory& memory,
                        GuestLinear address, MutableByteSpan destination) {
  return for_each_page(state, memory, address, destination.size(),
                       [&](GuestPhysical physical, std::size_t offset, std::size_t count) {
                         return memory.read(physical, destination.subspan(offset, count));
                       });
}

bool write_linear(const x86::CpuState& state, memory::GuestMemory& memory, GuestLinear address,
                  ByteSpan source) {
  const auto is_memory = [&](GuestPhysical physical, std::size_t, std::size_t) {
    return memory.host_page(physical) != nullptr;
  };
  if (for_each_page(state, memory, address, source.size(), is_memory) < source.size()) return false;
  return for_each_page(state, memory, address, source.size(),
                       [&](GuestPhysical physical, std::size_t offset, std::size_t count) {
                         return memory.load(physical, source.subspan(offset, count));
                       }) == source.size();
}

}  // namespace orrery::vmm::gdb
