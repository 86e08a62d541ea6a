// Which last-level tables the current address space has where: what processors call a
// paging-structure cache of PDEs (SDM vol. 3A, 4.10.3). Whatever invalidates any translation of the
// address space empties it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/types.hpp"

namespace orrery::hypervisor::soft {

// What the levels above an entry allow.
struct Permissions {
  bool writable = true;
  bool user = true;
  bool executable = true;
};

class TableCache {
 public:
  struct Table {
    GuestPhysical physical;
    std::byte* host = nullptr;  // its page
    Permissions permissions{};
  };

  // The table for LINEAR, or nullptr where it is not known.
  const Table* find(std::uint64_t linear) const {
    const Entry& entry = entries_[slot(linear)];
    const bool is_there = entry.region == region(linear) && entry.generation == generation_;
    return is_there ? &entry.table : nullptr;
  }
  void put(std::uint64_t linear, const Table& table) {
    entries_[slot(linear)] = {region(linear), generation_, table};
  }
  void forget() { ++generation_; }

 private:
  // Of four levels: what one last-level table maps.
  static constexpr unsigned kRegionShift = 21;
  static constexpr std::size_t kEntries = 128;

  struct Entry {
    std::uint64_t region = 0;
    std::uint64_t generation = 0;
    Table table;
  };

  static std::uint64_t region(std::uint64_t linear) { return linear >> kRegionShift; }
  static std::size_t slot(std::uint64_t linear) { return region(linear) % kEntries; }

  std::uint64_t generation_ = 1;
  std::array<Entry, kEntries> entries_;
};

}  // namespace orrery::hypervisor::soft
