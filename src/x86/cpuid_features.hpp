// Feature bits of CPUID, by name (SDM vol. 2A, CPUID; extended leaves also in AMD's APM vol. 3,
// appendix E).
#pragma once

#include <cstdint>

#include "x86/cpuid.hpp"

namespace orrery::x86 {

struct CpuidFeature {
  std::uint32_t leaf;
  std::uint32_t subleaf;
  std::uint32_t CpuidRegisters::*word;
  unsigned bit;

  constexpr std::uint32_t mask() const { return std::uint32_t{1} << bit; }
};

inline bool has_feature(const CpuidTable& table, const CpuidFeature& feature) {
  const CpuidEntry* entry = table.find(feature.leaf, feature.subleaf);
  return entry != nullptr && (entry->registers.*feature.word & feature.mask()) != 0;
}

namespace cpuid {

#define ORRERY_CPUID(name, leaf, subleaf, word, bit) \
  inline constexpr CpuidFeature name {               \
    leaf, subleaf, &CpuidRegisters::word, bit        \
  }

// Leaf 1, ECX and EDX.
ORRERY_CPUID(kSse3, 1, 0, ecx, 0);
ORRERY_CPUID(kPclmulqdq, 1, 0, ecx, 1);
ORRERY_CPUID(kSsse3, 1, 0, ecx, 9);
ORRERY_CPUID(kFma, 1, 0, ecx, 12);
ORRERY_CPUID(kCmpxchg16b, 1, 0, ecx, 13);
ORRERY_CPUID(kPcid, 1, 0, ecx, 17);
ORRERY_CPUID(kSse41, 1, 0, ecx, 19);
ORRERY_CPUID(kSse42, 1, 0, ecx, 20);
ORRERY_CPUID(kX2Apic, 1, 0, ecx, 21);
ORRERY_CPUID(kMovbe, 1, 0, ecx, 22);
ORRERY_CPUID(kPopcnt, 1, 0, ecx, 23);
ORRERY_CPUID(kTscDeadline, 1, 0, ecx, 24);
ORRERY_CPUID(kAes, 1, 0, ecx, 25);
ORRERY_CPUID(kXsave, 1, 0, ecx, 26);
ORRERY_CPUID(kOsXsave, 1, 0, ecx, 27);  // follows CR4.OSXSAVE
ORRERY_CPUID(kAvx, 1, 0, ecx, 28);
ORRERY_CPUID(kF16c, 1, 0, ecx, 29);
ORRERY_CPUID(kHypervisor, 1, 0, ecx, 31);
ORRERY_CPUID(kFpu, 1, 0, edx, 0);
ORRERY_CPUID(kVme, 1, 0, edx, 1);
ORRERY_CPUID(kDe, 1, 0, edx, 2);
ORRERY_CPUID(kPse, 1, 0, edx, 3);
ORRERY_CPUID(kTsc, 1, 0, edx, 4);
ORRERY_CPUID(kMsr, 1, 0, edx, 5);
ORRERY_CPUID(kPae, 1, 0, edx, 6);
ORRERY_CPUID(kMce, 1, 0, edx, 7);
ORRERY_CPUID(kCmpxchg8b, 1, 0, edx, 8);
ORRERY_CPUID(kApic, 1, 0, edx, 9);  // follows IA32_APIC_BASE's enable bit
ORRERY_CPUID(kSep, 1, 0, edx, 11);
ORRERY_CPUID(kMtrr, 1, 0, edx, 12);
ORRERY_CPUID(kPge, 1, 0, edx, 13);
ORRERY_CPUID(kMca, 1, 0, edx, 14);
ORRERY_CPUID(kCmov, 1, 0, edx, 15);
ORRERY_CPUID(kPat, 1, 0, edx, 16);
ORRERY_CPUID(kPse36, 1, 0, edx, 17);
ORRERY_CPUID(kClflush, 1, 0, edx, 19);
ORRERY_CPUID(kMmx, 1, 0, edx, 23);
ORRERY_CPUID(kFxsr, 1, 0, edx, 24);
ORRERY_CPUID(kSse, 1, 0, edx, 25);
ORRERY_CPUID(kSse2, 1, 0, edx, 26);

// Leaf 7.
ORRERY_CPUID(kFsGsBase, 7, 0, ebx, 0);
ORRERY_CPUID(kTscAdjust, 7, 0, ebx, 1);
ORRERY_CPUID(kBmi1, 7, 0, ebx, 3);
ORRERY_CPUID(kAvx2, 7, 0, ebx, 5);
ORRERY_CPUID(kSmep, 7, 0, ebx, 7);
ORRERY_CPUID(kBmi2, 7, 0, ebx, 8);
ORRERY_CPUID(kErms, 7, 0, ebx, 9);
ORRERY_CPUID(kInvpcid, 7, 0, ebx, 10);
ORRERY_CPUID(kFpuSelectorsDeprecated, 7, 0, ebx, 13);  // FPU CS and FPU DS store as 0
ORRERY_CPUID(kAdx, 7, 0, ebx, 19);
ORRERY_CPUID(kSmap, 7, 0, ebx, 20);
ORRERY_CPUID(kSha, 7, 0, ebx, 29);
ORRERY_CPUID(kUmip, 7, 0, ecx, 2);
ORRERY_CPUID(kVaes, 7, 0, ecx, 9);
ORRERY_CPUID(kVpclmulqdq, 7, 0, ecx, 10);
ORRERY_CPUID(kFastShortRepMov, 7, 0, edx, 4);
ORRERY_CPUID(kSpecCtrl, 7, 0, edx, 26);  // IA32_SPEC_CTRL and IA32_PRED_CMD
ORRERY_CPUID(kArchCapabilities, 7, 0, edx, 29);

ORRERY_CPUID(kBhiControl, 7, 2, edx, 4);  // IA32_SPEC_CTRL.BHI_DIS_S

// Leaf 0Dh, subleaf 1.
ORRERY_CPUID(kXsaveOpt, 0xd, 1, eax, 0);
ORRERY_CPUID(kXsaveCompaction, 0xd, 1, eax, 1);
ORRERY_CPUID(kXgetbvInUse, 0xd, 1, eax, 2);

// Leaf 8000'0001h and 8000'0007h.
ORRERY_CPUID(kLahf64, 0x8000'0001, 0, ecx, 0);
ORRERY_CPUID(kLzcnt, 0x8000'0001, 0, ecx, 5);  // AMD: ABM
ORRERY_CPUID(kSyscall, 0x8000'0001, 0, edx, 11);
ORRERY_CPUID(kNoExecute, 0x8000'0001, 0, edx, 20);
ORRERY_CPUID(kPages1G, 0x8000'0001, 0, edx, 26);
ORRERY_CPUID(kRdtscp, 0x8000'0001, 0, edx, 27);
ORRERY_CPUID(kLongMode, 0x8000'0001, 0, edx, 29);
ORRERY_CPUID(kInvariantTsc, 0x8000'0007, 0, edx, 8);

#undef ORRERY_CPUID

}  // namespace cpuid
}  // namespace orrery::x86
