// The software TLB: where the pages that the guest used last lie in this process, so that most
// accesses are a compare and an add. Only RAM and ROM are in it; device memory always takes the
// slow path.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/types.hpp"
#include "hypervisor/soft/access.hpp"

namespace orrery::hypervisor::soft {

// A tag is the linear address of a page; reads and writes use the first three words.
//
// An address XOR its page's tag is the offset within the page; with any other tag some bit above
// the offset is set. One comparison therefore tells that an entry is the right one and that the
// access does not cross the page, and what was compared is what is added to `host`.
struct TlbEntry {
  std::uint64_t read_tag;
  std::uint64_t write_tag;  // only while nothing must be noted on a write
  std::uint64_t host;       // the page in this process
  std::uint64_t fetch_tag;

  // Whether SIZE bytes, OFFSET = address ^ tag, lie within the page that the tag names.
  static bool hits(std::uint64_t offset, unsigned size) { return offset <= kPageSize - size; }
};
static_assert(sizeof(TlbEntry) == 32, "the translator scales an index by it");

class Tlb {
 public:
  // Four times the pages that a kernel's and a program's hot sets span together; 32 KiB a mode fits
  // the L2 cache.
  static constexpr std::size_t kEntries = 4096;

  Tlb();

  static std::size_t index_of(std::uint64_t linear) { return (linear >> kPageShift) % kEntries; }

  // A tag that no address of slot INDEX has: an address of another slot.
  static std::uint64_t no_page(std::size_t index) { return index == 0 ? kPageSize : 0; }

  const TlbEntry& entry(AccessMode mode, std::uint64_t linear) const {
    return modes_[static_cast<unsigned>(mode)].entries[index_of(linear)];
  }
  // All entries of a mode, by index_of().
  const TlbEntry* entries(AccessMode mode) const {
    return modes_[static_cast<unsigned>(mode)].entries.data();
  }
  // The entry that is about to be filled.
  TlbEntry& entry_to_fill(AccessMode mode, std::uint64_t linear, bool global) {
    return slot_to_fill(mode, index_of(linear), global);
  }
  bool has_room_for(AccessMode mode, std::uint64_t linear) const {
    const TlbEntry& there = entry(mode, linear);
    const std::uint64_t none = no_page(index_of(linear));
    return there.read_tag == none && there.write_tag == none && there.fetch_tag == none;
  }
  // LINEAR lies in a page of 2^SHIFT bytes: dropping any part of that drops all of it.
  void note_large(std::uint64_t linear, unsigned shift) {
    if (shift >= kHugeShift) return void(huge_.set(large_index(linear, kHugeShift)));
    large_.set(large_index(linear, kLargeShift));
    // A page of 4 MiB counts as two.
    if (shift > kLargeShift) large_.set(large_index(linear ^ 1u << kLargeShift, kLargeShift));
  }

  void flush_all();
  void flush_non_global();  // what a load of CR3 leaves: pages with the G bit
  enum class Flushed : std::uint8_t { kPage, kAll };
  Flushed flush_page(std::uint64_t linear);
  // Takes away the permission to write unnoticed to the page at HOST.
  void flush_writes(const std::byte* host);
  void flush_all_writes();

  // Raised whenever permissions to write have been taken away.
  std::uint64_t write_flushes() const { return write_flushes_; }

  // An entry out of its slot.
  struct Saved {
    TlbEntry entry;
    std::uint16_t index;
    AccessMode mode;
  };
  // Moves the entries of pages that are not global to the end of TO, as many as MOST; no such entry
  // is in the TLB then.
  void take_local(std::vector<Saved>& to, std::size_t most);
  // Puts such entries into their slots, whatever is there; without WRITES, for reading only.
  void put_local(std::span<const Saved> entries, bool writes);

  // Makes slot INDEX empty.
  static void clear(TlbEntry& entry, std::size_t index) {
    const std::uint64_t none = no_page(index);
    entry = {none, none, 0, none};
  }

 private:
  // Which slots are meant, by index.
  using Slots = std::array<std::uint64_t, kEntries / 64>;

  struct Mode {
    std::array<TlbEntry, kEntries> entries;
    Slots used{};   // have been filled
    Slots local{};  // the same, and the page is not global

    void clear(const Slots& slots);
    template <typename Function>
    void for_each(const Slots& slots, Function function);
  };

  TlbEntry& slot_to_fill(AccessMode mode, std::size_t index, bool global) {
    Mode& filled = modes_[static_cast<unsigned>(mode)];
    const std::uint64_t bit = std::uint64_t{1} << index % 64;
    filled.used[index / 64] |= bit;
    if (global) {
      filled.local[index / 64] &= ~bit;
    } else {
      filled.local[index / 64] |= bit;
    }
    return filled.entries[index];
  }

  // Large pages are remembered by a digest of their address, those of the upper half of the address
  // space apart: a kernel maps all memory with them, which programs should not pay for.
  static constexpr unsigned kLargeShift = 21;
  static constexpr unsigned kHugeShift = 30;
  static constexpr std::size_t kDigests = 2048;
  static std::size_t large_index(std::uint64_t linear, unsigned shift) {
    return (linear >> shift) % kDigests + (linear >> 63) * kDigests;
  }
  bool is_large(std::uint64_t linear) const {
    return large_[large_index(linear, kLargeShift)] || huge_[large_index(linear, kHugeShift)];
  }

  std::array<Mode, kAccessModes> modes_;
  std::uint64_t write_flushes_ = 0;
  std::bitset<2 * kDigests> large_;
  std::bitset<2 * kDigests> huge_;
};

}  // namespace orrery::hypervisor::soft
