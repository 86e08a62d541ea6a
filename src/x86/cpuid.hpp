// The answers of CPUID as a table (SDM vol. 2A, CPUID).
#pragma once

#include <cstdint>
#include <vector>

namespace orrery::x86 {

struct CpuidRegisters {
  std::uint32_t eax = 0;
  std::uint32_t ebx = 0;
  std::uint32_t ecx = 0;
  std::uint32_t edx = 0;

  friend bool operator==(const CpuidRegisters&, const CpuidRegisters&) = default;
};

struct CpuidEntry {
  std::uint32_t leaf = 0;
  std::uint32_t subleaf = 0;
  bool subleaf_matters = false;  // ECX selects among several entries of this leaf
  CpuidRegisters registers;
};

class CpuidTable {
 public:
  // Replaces an entry of the same leaf and subleaf, or adds it.
  void set(const CpuidEntry& entry);

  // What CPUID returns: a leaf above the highest basic or extended one answers as the highest basic
  // leaf does. Bits that follow the running state (OSXSAVE, leaf 0xD sizes) are the hypervisor's to
  // add.
  CpuidRegisters query(std::uint32_t leaf, std::uint32_t subleaf) const;

  // The entry itself, or nullptr.
  const CpuidEntry* find(std::uint32_t leaf, std::uint32_t subleaf) const;
  CpuidEntry* find(std::uint32_t leaf, std::uint32_t subleaf);

  const std::vector<CpuidEntry>& entries() const { return entries_; }

 private:
  std::vector<CpuidEntry> entries_;
};

}  // namespace orrery::x86
