// The guest's page tables, walked as the processor walks them (SDM vol. 3A, chapter 4).
#pragma once

#include <array>
#include <cstdint>
#include <expected>

#include "base/types.hpp"
#include "hypervisor/soft/access.hpp"
#include "hypervisor/soft/fault.hpp"
#include "hypervisor/soft/mmu/table_cache.hpp"
#include "memory/guest_memory.hpp"
#include "x86/state.hpp"

namespace orrery::hypervisor::soft {

struct Translation {
  GuestPhysical physical;
  bool writable = false;  // a write would be allowed, and the page is already marked dirty
  bool global = false;
  std::uint8_t page_shift = kPageShift;  // the page's size
};

// Pages beside the one that was translated, from the same line of the last table, as they may be
// read: marked as accessed already, so that nothing has to be written.
struct Neighbours {
  struct Page {
    std::uint64_t linear = 0;
    Translation translation{};
  };
  std::array<Page, 7> pages{};
  unsigned count = 0;
};

// Translates one address for one access. Sets accessed flags on the way and the dirty flag for a
// write. TABLES are those of the current address space. Throws Fault (#PF) where the access is not
// allowed; nothing has changed then but accessed flags of upper levels. NEIGHBOURS, where not
// nullptr, is filled in beside.
Translation walk(const x86::CpuState& state, memory::GuestMemory& memory, TableCache& tables,
                 std::uint64_t linear, Access access, AccessMode mode);

// The same without throwing: for accesses of which many fault.
std::expected<Translation, Fault> try_walk(const x86::CpuState& state, memory::GuestMemory& memory,
                                           TableCache& tables, std::uint64_t linear, Access access,
                                           AccessMode mode, Neighbours* neighbours = nullptr);

}  // namespace orrery::hypervisor::soft
