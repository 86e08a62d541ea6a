#include "hypervisor/soft/cpuid.hpp"

#include <array>
#include <cstring>
#include <string_view>

#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "x86/control_registers.hpp"
#include "x86/cpuid_features.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::CpuidFeature;
using x86::CpuidRegisters;
using x86::CpuidTable;

constexpr std::uint32_t kHighestBasicLeaf = 0x16;
constexpr std::uint32_t kHighestExtendedLeaf = 0x8000'0008;

// Family 6, model 7Ah, stepping 8 (SDM vol. 4, table 2-1: Goldmont Plus).
constexpr std::uint32_t kSignature = 0x0007'06a8;
constexpr std::string_view kBrand = "Intel(R) Pentium(R) Silver CPU @ 1.00GHz";

namespace feature = x86::cpuid;

constexpr CpuidFeature kFeatures[] = {
    feature::kSse3,
    feature::kSsse3,
    feature::kCmpxchg16b,
    feature::kPcid,
    feature::kSse41,
    feature::kSse42,
    feature::kX2Apic,
    feature::kMovbe,
    feature::kPopcnt,
    feature::kTscDeadline,
    feature::kXsave,
    feature::kFpu,
    feature::kVme,
    feature::kDe,
    feature::kPse,
    feature::kTsc,
    feature::kMsr,
    feature::kPae,
    feature::kMce,
    feature::kCmpxchg8b,
    feature::kApic,
    feature::kSep,
    feature::kMtrr,
    feature::kPge,
    feature::kMca,
    feature::kCmov,
    feature::kPat,
    feature::kPse36,
    feature::kClflush,
    feature::kMmx,
    feature::kFxsr,
    feature::kSse,
    feature::kSse2,
    feature::kFsGsBase,
    feature::kTscAdjust,
    feature::kSmep,
    feature::kErms,
    feature::kInvpcid,
    feature::kSmap,
    feature::kUmip,
    feature::kFastShortRepMov,
    feature::kSpecCtrl,
    feature::kArchCapabilities,
    feature::kLahf64,
    feature::kSyscall,
    feature::kNoExecute,
    feature::kPages1G,
    feature::kRdtscp,
    feature::kLongMode,
    feature::kInvariantTsc,
    feature::kBhiControl,
};

CpuidRegisters& leaf(CpuidTable& table, std::uint32_t number, std::uint32_t subleaf = 0) {
  constexpr std::uint32_t kWithSubleaves = 7;
  if (table.find(number, subleaf) == nullptr) {
    table.set({number, subleaf, number == kWithSubleaves, {}});
  }
  return table.find(number, subleaf)->registers;
}

void set_subleaf(CpuidTable& table, std::uint32_t number, std::uint32_t subleaf,
                 const CpuidRegisters& registers) {
  table.set({number, subleaf, true, registers});
}

void set_features(CpuidTable& table) {
  for (const CpuidFeature& wanted : kFeatures) {
    leaf(table, wanted.leaf, wanted.subleaf).*wanted.word |= wanted.mask();
  }
  for (const InstructionSet& set : optional_instruction_sets()) {
    const CpuidFeature& wanted = set.feature;
    if (set.host_has) leaf(table, wanted.leaf, wanted.subleaf).*wanted.word |= wanted.mask();
  }
}

std::uint32_t four_letters(std::string_view text, std::size_t position) {
  std::array<char, 4> letters{};
  if (position < text.size()) text.copy(letters.data(), letters.size(), position);
  std::uint32_t word = 0;
  std::memcpy(&word, letters.data(), sizeof word);
  return word;
}

void set_identity(CpuidTable& table) {
  constexpr std::string_view kVendor = "GenuineIntel";
  leaf(table, 0) = {kHighestBasicLeaf, four_letters(kVendor, 0), four_letters(kVendor, 8),
                    four_letters(kVendor, 4)};
  // EBX: CLFLUSH line in units of 8 bytes (15..8), logical processors (23..16).
  leaf(table, 1).eax = kSignature;
  leaf(table, 1).ebx = (1u << 16) | ((64 / 8) << 8);
  leaf(table, 0x8000'0000).eax = kHighestExtendedLeaf;
  for (std::uint32_t n = 0; n < 3; ++n) {
    const std::size_t at = std::size_t{n} * 16;
    leaf(table, 0x8000'0002 + n) = {four_letters(kBrand, at), four_letters(kBrand, at + 4),
                                    four_letters(kBrand, at + 8), four_letters(kBrand, at + 12)};
  }
}

// Leaf 4, deterministic cache parameters: type and level in EAX, geometry in EBX, sets - 1 in ECX.
struct Cache {
  std::uint32_t type;  // 1 data, 2 instruction, 3 unified
  std::uint32_t level;
  std::uint32_t ways;
  std::uint32_t sets;
};

void set_caches(CpuidTable& table) {
  constexpr std::uint32_t kLineSize = 64;
  constexpr std::uint32_t kSelfInitializing = 1u << 8;
  constexpr Cache kCaches[] = {{1, 1, 6, 64}, {2, 1, 8, 64}, {3, 2, 16, 4096}};
  std::uint32_t subleaf = 0;
  for (const Cache& cache : kCaches) {
    set_subleaf(table, 4, subleaf++,
                {cache.type | (cache.level << 5) | kSelfInitializing,
                 ((cache.ways - 1) << 22) | (kLineSize - 1), cache.sets - 1, 0});
  }
  set_subleaf(table, 4, subleaf, {});
  // Leaf 2: descriptor FFh refers to leaf 4; 01h is the count of times to ask.
  leaf(table, 2) = {0x00ff'ff01, 0, 0, 0};
  // L2 for software that looks at the extended leaf: 4096 KiB, 16-way (8), 64-byte lines.
  leaf(table, 0x8000'0006).ecx = (4096u << 16) | (8u << 12) | kLineSize;
}

// Leaf 0Dh: x87 and SSE state in the legacy area and the header, and AVX state behind them (SDM
// vol. 1, 13.2). EBX of subleaves 0 and 1 follows XCR0 (current_cpuid()).
void set_extended_state(CpuidTable& table) {
  constexpr std::uint32_t kLegacyAndHeader = 512 + 64;
  constexpr std::uint32_t kAvxState = 256;
  const bool avx = x86::has_feature(table, feature::kAvx);
  const auto components =
      static_cast<std::uint32_t>(x86::xcr0::kX87 | x86::xcr0::kSse | (avx ? x86::xcr0::kAvx : 0));
  const std::uint32_t most = kLegacyAndHeader + (avx ? kAvxState : 0);
  set_subleaf(table, 0xd, 0, {components, kLegacyAndHeader, most, 0});
  set_subleaf(
      table, 0xd, 1,
      {feature::kXsaveOpt.mask() | feature::kXsaveCompaction.mask(), kLegacyAndHeader, 0, 0});
  if (avx) set_subleaf(table, 0xd, 2, {kAvxState, kLegacyAndHeader, 0, 0});
}

// Leaf 0Bh: a thread level and a core level, each of one processor; x2APIC id in EDX.
void set_topology(CpuidTable& table) {
  constexpr std::uint32_t kThreadLevel = 1;
  constexpr std::uint32_t kCoreLevel = 2;
  set_subleaf(table, 0xb, 0, {0, 1, (kThreadLevel << 8) | 0, 0});
  set_subleaf(table, 0xb, 1, {0, 1, (kCoreLevel << 8) | 1, 0});
}

void set_clocks(CpuidTable& table) {
  constexpr std::uint32_t kMegahertz = kCrystalHertz / 1'000'000;
  leaf(table, 0x15) = {1, 1, kCrystalHertz, 0};  // TSC = crystal * EBX / EAX
  leaf(table, 0x16) = {kMegahertz, kMegahertz, 100, 0};
}

}  // namespace

CpuidTable soft_cpuid() {
  CpuidTable table;
  set_features(table);
  leaf(table, 7).eax = 2;  // highest subleaf
  set_identity(table);
  set_caches(table);
  set_extended_state(table);
  set_topology(table);
  set_clocks(table);
  // Leaves that exist and say "none": power management, performance monitoring.
  for (const std::uint32_t none :
       {3u, 5u, 8u, 9u, 0xau, 0xcu, 0xeu, 0xfu, 0x10u, 0x11u, 0x12u, 0x13u, 0x14u, 0x8000'0005u}) {
    leaf(table, none);
  }
  constexpr std::uint32_t kAlwaysRunningApicTimer = 1u << 2;
  leaf(table, 6).eax = kAlwaysRunningApicTimer;
  leaf(table, 0x8000'0008).eax = (kLinearAddressBits << 8) | kPhysicalAddressBits;
  return table;
}

}  // namespace orrery::hypervisor::soft
