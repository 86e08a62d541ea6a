// CR0, CR3, CR4, CR8, EFER, XCR0 and the debug registers (SDM vol. 3A, 2.5, 2.6, 4.5; vol.
// 3B, 17.2).
#pragma once

#include <cstdint>

namespace orrery::x86 {

namespace cr0 {
inline constexpr std::uint64_t kProtectionEnable = 1u << 0;
inline constexpr std::uint64_t kMonitorCoprocessor = 1u << 1;
inline constexpr std::uint64_t kEmulation = 1u << 2;
inline constexpr std::uint64_t kTaskSwitched = 1u << 3;
inline constexpr std::uint64_t kExtensionType = 1u << 4;
inline constexpr std::uint64_t kNumericError = 1u << 5;
inline constexpr std::uint64_t kWriteProtect = 1u << 16;
inline constexpr std::uint64_t kAlignmentMask = 1u << 18;
inline constexpr std::uint64_t kNotWriteThrough = 1u << 29;
inline constexpr std::uint64_t kCacheDisable = 1u << 30;
inline constexpr std::uint64_t kPaging = 1u << 31;
}  // namespace cr0

namespace cr3 {
inline constexpr std::uint64_t kPcidMask = 0xfff;                  // with CR4.PCIDE
inline constexpr std::uint64_t kNoFlush = std::uint64_t{1} << 63;  // in MOV to CR3 with CR4.PCIDE
}  // namespace cr3

namespace cr4 {
inline constexpr std::uint64_t kVirtual8086Extensions = 1u << 0;       // VME
inline constexpr std::uint64_t kProtectedVirtualInterrupts = 1u << 1;  // PVI
inline constexpr std::uint64_t kTimeStampDisable = 1u << 2;
inline constexpr std::uint64_t kDebuggingExtensions = 1u << 3;
inline constexpr std::uint64_t kPageSizeExtensions = 1u << 4;
inline constexpr std::uint64_t kPhysicalAddressExtension = 1u << 5;
inline constexpr std::uint64_t kMachineCheckEnable = 1u << 6;
inline constexpr std::uint64_t kPageGlobalEnable = 1u << 7;
inline constexpr std::uint64_t kPerformanceCounterEnable = 1u << 8;
inline constexpr std::uint64_t kFxsave = 1u << 9;                      // OSFXSR
inline constexpr std::uint64_t kSimdExceptions = 1u << 10;             // OSXMMEXCPT
inline constexpr std::uint64_t kUserInstructionPrevention = 1u << 11;  // UMIP
inline constexpr std::uint64_t kLinearAddress57 = 1u << 12;            // LA57
inline constexpr std::uint64_t kFsGsBase = 1u << 16;
inline constexpr std::uint64_t kPcid = 1u << 17;
inline constexpr std::uint64_t kXsave = 1u << 18;                          // OSXSAVE
inline constexpr std::uint64_t kSupervisorExecutionPrevention = 1u << 20;  // SMEP
inline constexpr std::uint64_t kSupervisorAccessPrevention = 1u << 21;     // SMAP
}  // namespace cr4

namespace efer {
inline constexpr std::uint64_t kSystemCall = 1u << 0;
inline constexpr std::uint64_t kLongModeEnable = 1u << 8;
inline constexpr std::uint64_t kLongModeActive = 1u << 10;
inline constexpr std::uint64_t kNoExecute = 1u << 11;
}  // namespace efer

namespace xcr0 {
inline constexpr std::uint64_t kX87 = 1u << 0;
inline constexpr std::uint64_t kSse = 1u << 1;
inline constexpr std::uint64_t kAvx = 1u << 2;
}  // namespace xcr0

namespace dr6 {
inline constexpr std::uint64_t kBreakpoint0 = 1u << 0;  // kBreakpoint0 << n for DRn
inline constexpr std::uint64_t kGeneralDetect = 1u << 13;
inline constexpr std::uint64_t kSingleStep = 1u << 14;
inline constexpr std::uint64_t kTaskSwitch = 1u << 15;
inline constexpr std::uint64_t kReset =
    0xffff'0ff0;  // value after power-up; the bits that always read as one
}  // namespace dr6

namespace dr7 {
inline constexpr std::uint64_t kEnableMask = 0xff;  // L0 G0 .. L3 G3
inline constexpr std::uint64_t kGeneralDetect = 1u << 13;
inline constexpr std::uint64_t kReset = 0x400;
}  // namespace dr7

}  // namespace orrery::x86
