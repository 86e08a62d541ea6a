#include "x86/cpuid.hpp"

#include <algorithm>
#include <utility>

namespace orrery::x86 {

const CpuidEntry* CpuidTable::find(std::uint32_t leaf, std::uint32_t subleaf) const {
  const auto found = std::ranges::find_if(entries_, [&](const CpuidEntry& entry) {
    return entry.leaf == leaf && (!entry.subleaf_matters || entry.subleaf == subleaf);
  });
  return found == entries_.end() ? nullptr : &*found;
}

CpuidEntry* CpuidTable::find(std::uint32_t leaf, std::uint32_t subleaf) {
  return const_cast<CpuidEntry*>(std::as_const(*this).find(leaf, subleaf));
}

void CpuidTable::set(const CpuidEntry& entry) {
  if (CpuidEntry* existing = find(entry.leaf, entry.subleaf)) {
    *existing = entry;
  } else {
    entries_.push_back(entry);
  }
}

CpuidRegisters CpuidTable::query(std::uint32_t leaf, std::uint32_t subleaf) const {
  if (const CpuidEntry* entry = find(leaf, subleaf)) return entry->registers;

  const CpuidEntry* highest_of_range = find(leaf & 0x8000'0000, 0);
  const bool out_of_range = highest_of_range == nullptr || leaf > highest_of_range->registers.eax;
  const CpuidEntry* basic = find(0, 0);
  if (out_of_range && basic != nullptr) {
    if (const CpuidEntry* last = find(basic->registers.eax, subleaf)) return last->registers;
  }
  return {};
}

}  // namespace orrery::x86
