// Numbers of model-specific registers (SDM vol. 4, chapter 2).
#pragma once

#include <cstdint>

namespace orrery::x86::msr {

inline constexpr std::uint32_t kTimeStampCounter = 0x10;
inline constexpr std::uint32_t kPlatformId = 0x17;
inline constexpr std::uint32_t kApicBase = 0x1b;
inline constexpr std::uint32_t kFeatureControl = 0x3a;
inline constexpr std::uint32_t kTscAdjust = 0x3b;
inline constexpr std::uint32_t kSpecCtrl = 0x48;
inline constexpr std::uint32_t kPredCmd = 0x49;
inline constexpr std::uint32_t kBiosUpdateTrigger = 0x79;
inline constexpr std::uint32_t kBiosSignId = 0x8b;  // microcode revision in bits 63:32
inline constexpr std::uint32_t kPlatformInfo = 0xce;
inline constexpr std::uint32_t kMtrrCapabilities = 0xfe;
inline constexpr std::uint32_t kArchCapabilities = 0x10a;
inline constexpr std::uint32_t kSysenterCs = 0x174;
inline constexpr std::uint32_t kSysenterEsp = 0x175;
inline constexpr std::uint32_t kSysenterEip = 0x176;
inline constexpr std::uint32_t kMachineCheckCapabilities = 0x179;
inline constexpr std::uint32_t kMachineCheckStatus = 0x17a;
inline constexpr std::uint32_t kMiscEnable = 0x1a0;
inline constexpr std::uint32_t kDebugCtl = 0x1d9;
inline constexpr std::uint32_t kMtrrPhysBase0 = 0x200;  // base and mask alternating
inline constexpr std::uint32_t kMtrrPhysMask0 = 0x201;
inline constexpr std::uint32_t kMtrrFix64k00000 = 0x250;
inline constexpr std::uint32_t kMtrrFix16k80000 = 0x258;
inline constexpr std::uint32_t kMtrrFix16kA0000 = 0x259;
inline constexpr std::uint32_t kMtrrFix4kC0000 = 0x268;  // .. 26Fh
inline constexpr std::uint32_t kPat = 0x277;
inline constexpr std::uint32_t kMtrrDefaultType = 0x2ff;
inline constexpr std::uint32_t kTscDeadline = 0x6e0;
inline constexpr std::uint32_t kX2ApicFirst = 0x800;
inline constexpr std::uint32_t kX2ApicLast = 0x8ff;
inline constexpr std::uint32_t kEfer = 0xc000'0080;
inline constexpr std::uint32_t kStar = 0xc000'0081;
inline constexpr std::uint32_t kLstar = 0xc000'0082;
inline constexpr std::uint32_t kCstar = 0xc000'0083;
inline constexpr std::uint32_t kSyscallMask = 0xc000'0084;  // IA32_FMASK
inline constexpr std::uint32_t kFsBase = 0xc000'0100;
inline constexpr std::uint32_t kGsBase = 0xc000'0101;
inline constexpr std::uint32_t kKernelGsBase = 0xc000'0102;
inline constexpr std::uint32_t kTscAux = 0xc000'0103;

inline constexpr unsigned kVariableMtrrs = 8;

}  // namespace orrery::x86::msr
