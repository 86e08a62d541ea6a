#include "hypervisor/soft/mmu/tlb.hpp"

#include <bit>
#include <utility>

namespace orrery::hypervisor::soft {

Tlb::Tlb() {
  for (Mode& mode : modes_) {
    for (std::size_t i = 0; i < kEntries; ++i) clear(mode.entries[i], i);
  }
}

template <typename Function>
void Tlb::Mode::for_each(const Slots& slots, Function function) {
  for (std::size_t word = 0; word < slots.size(); ++word) {
    for (std::uint64_t left = slots[word]; left != 0; left &= left - 1) {
      const std::size_t index = word * 64 + static_cast<std::size_t>(std::countr_zero(left));
      function(entries[index], index);
    }
  }
}

// Costs what has been filled, not what could have been.
void Tlb::Mode::clear(const Slots& slots) {
  for_each(slots, [](TlbEntry& entry, std::size_t index) { Tlb::clear(entry, index); });
  for (std::size_t word = 0; word < slots.size(); ++word) {
    used[word] &= ~slots[word];
  }
  local = {};
}

void Tlb::flush_all() {
  for (Mode& mode : modes_) mode.clear(Slots(mode.used));
  large_.reset();
  huge_.reset();
}

void Tlb::flush_non_global() {
  for (Mode& mode : modes_) mode.clear(Slots(mode.local));
}

Tlb::Flushed Tlb::flush_page(std::uint64_t linear) {
  if (is_large(linear)) {
    flush_all();
    return Flushed::kAll;
  }
  const std::size_t index = index_of(linear);
  for (Mode& mode : modes_) clear(mode.entries[index], index);
  return Flushed::kPage;
}

void Tlb::take_local(std::vector<Saved>& to, std::size_t most) {
  for (std::size_t mode = 0; mode < modes_.size(); ++mode) {
    modes_[mode].for_each(modes_[mode].local, [&](TlbEntry& entry, std::size_t index) {
      if (to.size() == most) return;
      to.push_back({entry, static_cast<std::uint16_t>(index), static_cast<AccessMode>(mode)});
    });
  }
  flush_non_global();
}

void Tlb::put_local(std::span<const Saved> entries, bool writes) {
  for (const Saved& saved : entries) {
    TlbEntry& entry = slot_to_fill(saved.mode, saved.index, false);
    entry = saved.entry;
    if (!writes) entry.write_tag = no_page(saved.index);
  }
}

void Tlb::flush_writes(const std::byte* host) {
  ++write_flushes_;
  const auto page = reinterpret_cast<std::uint64_t>(host);
  for (Mode& mode : modes_) {
    mode.for_each(mode.used, [page](TlbEntry& entry, std::size_t index) {
      if (entry.host == page) entry.write_tag = no_page(index);
    });
  }
}

void Tlb::flush_all_writes() {
  ++write_flushes_;
  for (Mode& mode : modes_) {
    mode.for_each(mode.used,
                  [](TlbEntry& entry, std::size_t index) { entry.write_tag = no_page(index); });
  }
}

}  // namespace orrery::hypervisor::soft
