#include "hypervisor/soft/mmu/walk.hpp"

#include "base/bits.hpp"
#include "x86/exceptions.hpp"
#include "x86/paging.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace entry = x86::page_entry;

// One paging mode's shape: how many levels, how an index is cut from the address, how entries look.
struct Shape {
  unsigned levels;
  unsigned index_bits;
  unsigned entry_bytes;
  bool top_has_permissions;  // PAE's four top entries carry none
};

constexpr Shape kFourLevel{4, 9, 8, true};
constexpr Shape kPae{3, 9, 8, false};
constexpr Shape kThirtyTwoBit{2, 10, 4, true};

const Shape& shape_of(const x86::CpuState& state) {
  if (state.long_mode()) return kFourLevel;
  return (state.cr4 & x86::cr4::kPhysicalAddressExtension) != 0 ? kPae : kThirtyTwoBit;
}

// A walk in progress: the permissions so far, and all that is needed to refuse.
class Walker {
 public:
  Walker(const x86::CpuState& state, memory::GuestMemory& memory, TableCache& tables,
         std::uint64_t linear, Access access, AccessMode mode)
      : state_(state),
        memory_(memory),
        tables_(tables),
        shape_(shape_of(state)),
        linear_(linear),
        access_(access),
        mode_(mode),
        no_execute_enabled_((state.efer & x86::efer::kNoExecute) != 0) {}

  std::expected<Translation, Fault> run(Neighbours* neighbours) {
    unsigned level = enter();
    for (; level > 0; --level) {
      const std::uint64_t value = read_entry(index(level));
      if ((value & entry::kPresent) == 0) return refuse(0);
      const bool leaf = level == 1 || is_large(value, level);
      if ((value & reserved_bits(level, leaf)) != 0) {
        return refuse(x86::page_fault::kPresent | x86::page_fault::kReservedBit);
      }
      const Permissions above = table_.permissions;
      const bool counts = shape_.top_has_permissions || level != shape_.levels;
      if (counts) narrow(value);
      if (leaf) {
        const auto found = finish(index(level), value, level);
        if (found && level == 1 && neighbours != nullptr) look_around(above, *neighbours);
        return found;
      }
      if (counts) set_flags(index(level), value, entry::kAccessed);
      stand_at(GuestPhysical{value & x86::kPhysicalAddressMask & ~(kPageSize - 1)});
      if (level == 2) remember();
    }
    return refuse(0);  // not reached: level 1 is a leaf
  }

 private:
  std::uint64_t root() const {
    if (shape_.levels == 4) return state_.cr3 & x86::kPhysicalAddressMask & ~(kPageSize - 1);
    return state_.cr3 & (shape_.levels == 3 ? 0xffff'ffe0u : 0xffff'f000u);
  }

  // The level to begin at.
  unsigned enter() {
    const TableCache::Table* known = shape_.levels == 4 ? tables_.find(linear_) : nullptr;
    if (known != nullptr) {
      table_ = *known;
      return 1;
    }
    stand_at(GuestPhysical{root()});
    return shape_.levels;
  }

  void stand_at(GuestPhysical table) {
    table_.physical = table;
    table_.host = memory_.host_page(table);
    if (table_.host != nullptr) table_.host += table.value() % kPageSize;  // PAE's first one
  }

  void remember() {
    if (shape_.levels != 4 || table_.host == nullptr) return;
    if (memory_.find(table_.physical)->kind == memory::RegionKind::kRam)
      tables_.put(linear_, table_);
  }

  unsigned shift(unsigned level) const { return kPageShift + (level - 1) * shape_.index_bits; }
  std::uint64_t index(unsigned level) const {
    const unsigned width = shape_.levels == 3 && level == 3 ? 2 : shape_.index_bits;
    return (linear_ >> shift(level)) & ((std::uint64_t{1} << width) - 1);
  }

  bool is_large(std::uint64_t value, unsigned level) const {
    if ((value & entry::kLarge) == 0) return false;
    if (shape_.entry_bytes == 4) {
      return level == 2 && (state_.cr4 & x86::cr4::kPageSizeExtensions) != 0;
    }
    return level == 2 || (level == 3 && shape_.levels == 4);  // 1 GiB pages in 4-level paging only
  }

  // Bits that must be zero in a present entry (SDM vol. 3A, tables 4-4 to 4-20).
  std::uint64_t reserved_bits(unsigned level, bool leaf) const {
    if (shape_.entry_bytes == 4) {
      return leaf && level == 2 ? std::uint64_t{1} << 21
                                : 0;  // PSE-36 gives bits 20..13 to the address
    }
    std::uint64_t reserved = 0x000f'ffff'ffff'ffff & ~x86::kPhysicalAddressMask;
    if (!no_execute_enabled_) reserved |= entry::kExecuteDisable;
    if (shape_.levels == 3) {
      reserved |= 0x7ff0'0000'0000'0000;
      if (level == 3) reserved |= entry::kExecuteDisable | 0x1e6;
    }
    if (shape_.levels == 4 && level == 4) reserved |= entry::kLarge;
    if (leaf && level > 1) {
      reserved |=
          ((std::uint64_t{1} << shift(level)) - 1) & ~std::uint64_t{0x1fff};  // bit 12 is PAT
    }
    return reserved;
  }

  void narrow(std::uint64_t value) {
    Permissions& permissions = table_.permissions;
    permissions.writable &= (value & entry::kWritable) != 0;
    permissions.user &= (value & entry::kUser) != 0;
    permissions.executable &= !no_execute_enabled_ || (value & entry::kExecuteDisable) == 0;
  }

  bool write_allowed() const {
    return table_.permissions.writable ||
           (!is_user(mode_) && (state_.cr0 & x86::cr0::kWriteProtect) == 0);
  }

  // Access rights (SDM vol. 3A, 4.6.1).
  bool allowed(Access access) const {
    if (is_user(mode_)) {
      if (!table_.permissions.user) return false;
    } else if (table_.permissions.user) {
      if (access == Access::kExecute) {
        if ((state_.cr4 & x86::cr4::kSupervisorExecutionPrevention) != 0) return false;
      } else if (mode_ == AccessMode::kSupervisor &&
                 (state_.cr4 & x86::cr4::kSupervisorAccessPrevention) != 0) {
        return false;
      }
    }
    if (access == Access::kWrite) return write_allowed();
    return access != Access::kExecute || table_.permissions.executable;
  }

  std::expected<Translation, Fault> finish(std::uint64_t place, std::uint64_t value,
                                           unsigned level) {
    if (!allowed(access_)) return refuse(x86::page_fault::kPresent);
    set_flags(place, value,
              access_ == Access::kWrite ? entry::kAccessed | entry::kDirty : entry::kAccessed);
    return translation(linear_, value, level,
                       access_ == Access::kWrite || (value & entry::kDirty) != 0);
  }

  // By a leaf's VALUE, and the permissions that are narrowed by it.
  Translation translation(std::uint64_t linear, std::uint64_t value, unsigned level,
                          bool dirty) const {
    const std::uint64_t page_mask = (std::uint64_t{1} << shift(level)) - 1;
    std::uint64_t base = value & x86::kPhysicalAddressMask & ~page_mask;
    if (shape_.entry_bytes == 4) {
      base = value & 0xffff'f000u & ~page_mask;
      if (level == 2)
        base |= (value & 0x001f'e000u) << 19;  // PSE-36: bits 20..13 are address bits 39..32
    }
    return Translation{
        GuestPhysical{base | (linear & page_mask)}, dirty && write_allowed(),
        (value & entry::kGlobal) != 0 && (state_.cr4 & x86::cr4::kPageGlobalEnable) != 0,
        static_cast<std::uint8_t>(shift(level))};
  }

  // The entries in the last one's line of 64 bytes; ABOVE: permissions of the upper levels.
  void look_around(const Permissions& above, Neighbours& neighbours) {
    constexpr std::uint64_t kLine = 8;  // entries, of either size
    constexpr std::uint64_t kMarked = entry::kPresent | entry::kAccessed;
    const std::uint64_t own = index(1) % kLine;
    for (std::uint64_t i = 0; i < kLine; ++i) {
      if (i == own) continue;
      const std::uint64_t value = read_entry(index(1) - own + i);
      if ((value & kMarked) != kMarked || (value & reserved_bits(1, true)) != 0) continue;
      table_.permissions = above;
      narrow(value);
      if (!allowed(Access::kRead)) continue;
      const std::uint64_t linear = (linear_ & ~(kLine * kPageSize - 1)) + i * kPageSize;
      neighbours.pages[neighbours.count++] = {
          linear, translation(linear, value, 1, (value & entry::kDirty) != 0)};
    }
  }

  // Entry INDEX of the table.
  std::uint64_t read_entry(std::uint64_t index) const {
    if (table_.host == nullptr) return 0;  // a table in device space: nothing is mapped
    const std::byte* at = table_.host + index * shape_.entry_bytes;
    if (shape_.entry_bytes == 4) return load_le<std::uint32_t>(at);
    return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(at), __ATOMIC_RELAXED);
  }

  // Sets flag bits of entry INDEX, of which VALUE has been read, by an atomic OR, as another
  // processor may be changing it.
  void set_flags(std::uint64_t index, std::uint64_t value, std::uint64_t flags) {
    if ((value & flags) == flags) return;
    const GuestPhysical place = table_.physical + index * shape_.entry_bytes;
    if (memory_.find(place)->kind == memory::RegionKind::kRom) return;
    // The flags are in the low byte of an entry of either size.
    auto* low = reinterpret_cast<std::uint8_t*>(table_.host + index * shape_.entry_bytes);
    __atomic_fetch_or(low, static_cast<std::uint8_t>(flags), __ATOMIC_SEQ_CST);
    memory_.mark_written(place, 1);
  }

  std::unexpected<Fault> refuse(std::uint32_t code) const {
    if (access_ == Access::kWrite) code |= x86::page_fault::kWrite;
    if (is_user(mode_)) code |= x86::page_fault::kUser;
    const bool fetch_is_told = (no_execute_enabled_ && shape_.entry_bytes == 8) ||
                               (state_.cr4 & x86::cr4::kSupervisorExecutionPrevention) != 0;
    if (access_ == Access::kExecute && fetch_is_told) code |= x86::page_fault::kInstructionFetch;
    return std::unexpected(Fault{x86::Exception::kPageFault, code, linear_});
  }

  const x86::CpuState& state_;
  memory::GuestMemory& memory_;
  TableCache& tables_;
  const Shape& shape_;
  std::uint64_t linear_;
  Access access_;
  AccessMode mode_;
  bool no_execute_enabled_;
  TableCache::Table table_;  // at the current level, with the permissions of those so far
};

}  // namespace

std::expected<Translation, Fault> try_walk(const x86::CpuState& state, memory::GuestMemory& memory,
                                           TableCache& tables, std::uint64_t linear, Access access,
                                           AccessMode mode, Neighbours* neighbours) {
  if ((state.cr0 & x86::cr0::kPaging) == 0) {
    return Translation{GuestPhysical{linear & 0xffff'ffff}, true};
  }
  return Walker(state, memory, tables, linear, access, mode).run(neighbours);
}

Translation walk(const x86::CpuState& state, memory::GuestMemory& memory, TableCache& tables,
                 std::uint64_t linear, Access access, AccessMode mode) {
  const auto found = try_walk(state, memory, tables, linear, access, mode);
  if (!found) throw found.error();
  return *found;
}

}  // namespace orrery::hypervisor::soft
