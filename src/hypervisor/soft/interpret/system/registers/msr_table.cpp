#include "hypervisor/soft/interpret/system/registers/msr_table.hpp"

#include <algorithm>

#include "x86/memory_types.hpp"
#include "x86/msr.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace msr = x86::msr;
using x86::CpuState;
using x86::Msrs;
using x86::SegmentRegister;

constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::uint64_t kLow32 = 0xffff'ffff;

// ---- Constants

// Locked, with VMX off (SDM vol. 3C, 23.7).
constexpr std::uint64_t kFeatureControlLocked = 1;
// A microcode revision in bits 63:32.
constexpr std::uint64_t kMicrocodeRevision = std::uint64_t{0x28} << 32;
// Maximum non-turbo ratio in bits 15:8, times 100 MHz: agrees with CPUID leaf 16h.
constexpr std::uint64_t kPlatformInfo = 10u << 8;
// Eight variable ranges, fixed ranges, write combining (SDM vol. 3A, 11.11.1).
constexpr std::uint64_t kMtrrCapabilities = msr::kVariableMtrrs | (1u << 8) | (1u << 10);
// SDM vol. 4, IA32_ARCH_CAPABILITIES: every flaw that has a bit is absent. Nothing of the guest's
// is speculated on by hardware of this kind.
constexpr std::uint64_t kArchCapabilities = (1u << 0) |                // RDCL_NO
                                            (1u << 1) |                // IBRS_ALL
                                            (1u << 3) |                // SKIP_L1DFL_VMENTRY
                                            (1u << 4) |                // SSB_NO
                                            (1u << 5) |                // MDS_NO
                                            (1u << 6) |                // IF_PSCHANGE_MC_NO
                                            (1u << 8) |                // TAA_NO
                                            (1u << 13) |               // SBDR_SSDP_NO
                                            (1u << 14) |               // FBSDP_NO
                                            (1u << 15) |               // PSDP_NO
                                            (1u << 20) |               // BHI_NO
                                            (1u << 24) |               // PBRSB_NO
                                            (1u << 26) |               // GDS_NO
                                            (1u << 27) |               // RFDS_NO
                                            (std::uint64_t{1} << 62);  // ITS_NO
// IA32_MISC_ENABLE: fast strings, automatic thermal control, SpeedStep, CPUID limit, xTPR, XD
// disable may be switched; "branch trace" and "PEBS unavailable" (11, 12) read as set.
constexpr std::uint64_t kMiscEnableWritable =
    (1u << 0) | (1u << 3) | (1u << 16) | (1u << 22) | (1u << 23) | (std::uint64_t{1} << 34);
// IA32_SPEC_CTRL: IBRS, STIBP, SSBD, BHI_DIS_S. (Linux clears the branch history in software, for a
// hundred instructions a system call, on every processor with IBRS_ALL that lacks BHI_DIS_S,
// whatever BHI_NO says.)
constexpr std::uint64_t kSpecCtrlWritable = 0b111 | (1u << 10);
// IA32_MTRR_DEF_TYPE: type, fixed enable, enable.
constexpr std::uint64_t kMtrrDefaultTypeWritable = 0xff | (1u << 10) | (1u << 11);
constexpr std::uint64_t kPhysicalPage = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t kMtrrMaskValid = 1u << 11;

// ---- Where they live

template <std::uint64_t Msrs::*member>
std::uint64_t& field(CpuState& state, std::uint32_t) {
  return state.msrs.*member;
}

template <std::size_t first>
std::uint64_t& fixed_mtrr(CpuState& state, std::uint32_t n) {
  return state.msrs.mtrr_fixed[first + n];
}

std::uint64_t& variable_mtrr(CpuState& state, std::uint32_t n) {
  return state.msrs.mtrr_variable[n];
}

template <SegmentRegister reg>
std::uint64_t& base_of(CpuState& state, std::uint32_t) {
  return state[reg].base;
}

// ---- What they take

bool is_canonical(std::uint64_t value) {
  return Cpu::is_canonical(value);
}

template <bool (*accepts)(std::uint8_t)>
bool every_byte(std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) {
    if (!accepts(static_cast<std::uint8_t>(value >> shift))) return false;
  }
  return true;
}

bool has_mtrr_type(std::uint64_t value) {
  return x86::is_mtrr_type(static_cast<std::uint8_t>(value));
}

// Base and mask alternate; only a base has a type in its low byte, and neither has bits there that
// the other lacks but V (bit 11), so both are told apart by their low bits alone.
bool is_variable_mtrr(std::uint64_t value) {
  const std::uint64_t low = value & 0xfff;
  return low == kMtrrMaskValid || (low <= 0xff && has_mtrr_type(low));
}

constexpr MsrRow kTable[] = {
    {.index = msr::kPlatformId, .name = "IA32_PLATFORM_ID"},
    {.index = msr::kFeatureControl,
     .name = "IA32_FEATURE_CONTROL",
     .constant = kFeatureControlLocked},
    {.index = msr::kTscAdjust,
     .name = "IA32_TSC_ADJUST",
     .place = field<&Msrs::tsc_adjust>,
     .writable = kAll},
    {.index = msr::kSpecCtrl,
     .name = "IA32_SPEC_CTRL",
     .place = field<&Msrs::spec_ctrl>,
     .writable = kSpecCtrlWritable},
    {.index = msr::kPredCmd,
     .name = "IA32_PRED_CMD",
     .other_bits = OtherBits::kIgnored,
     .valid = [](std::uint64_t value) { return value <= 1; },
     .readable = false},
    {.index = msr::kBiosUpdateTrigger,
     .name = "IA32_BIOS_UPDT_TRIG",
     .other_bits = OtherBits::kIgnored,
     .readable = false},
    {.index = msr::kBiosSignId,
     .name = "IA32_BIOS_SIGN_ID",
     .constant = kMicrocodeRevision,
     .other_bits = OtherBits::kIgnored},
    {.index = msr::kPlatformInfo, .name = "MSR_PLATFORM_INFO", .constant = kPlatformInfo},
    {.index = msr::kMtrrCapabilities, .name = "IA32_MTRRCAP", .constant = kMtrrCapabilities},
    {.index = msr::kArchCapabilities,
     .name = "IA32_ARCH_CAPABILITIES",
     .constant = kArchCapabilities},
    {.index = msr::kSysenterCs,
     .name = "IA32_SYSENTER_CS",
     .place = field<&Msrs::sysenter_cs>,
     .writable = kLow32},
    {.index = msr::kSysenterEsp,
     .name = "IA32_SYSENTER_ESP",
     .place = field<&Msrs::sysenter_esp>,
     .writable = kAll,
     .valid = is_canonical},
    {.index = msr::kSysenterEip,
     .name = "IA32_SYSENTER_EIP",
     .place = field<&Msrs::sysenter_eip>,
     .writable = kAll,
     .valid = is_canonical},
    {.index = msr::kMachineCheckCapabilities, .name = "IA32_MCG_CAP"},
    {.index = msr::kMachineCheckStatus,
     .name = "IA32_MCG_STATUS",
     .other_bits = OtherBits::kIgnored},
    {.index = msr::kMiscEnable,
     .name = "IA32_MISC_ENABLE",
     .place = field<&Msrs::misc_enable>,
     .writable = kMiscEnableWritable},
    {.index = msr::kDebugCtl, .name = "IA32_DEBUGCTL"},
    {.index = msr::kMtrrPhysBase0,
     .name = "IA32_MTRR_PHYSBASE/MASK",
     .place = variable_mtrr,
     .writable = kPhysicalPage | kMtrrMaskValid | 0xff,
     .valid = is_variable_mtrr,
     .count = 2 * msr::kVariableMtrrs},
    {.index = msr::kMtrrFix64k00000,
     .name = "IA32_MTRR_FIX64K_00000",
     .place = fixed_mtrr<0>,
     .writable = kAll,
     .valid = every_byte<x86::is_mtrr_type>},
    {.index = msr::kMtrrFix16k80000,
     .name = "IA32_MTRR_FIX16K",
     .place = fixed_mtrr<1>,
     .writable = kAll,
     .valid = every_byte<x86::is_mtrr_type>,
     .count = 2},
    {.index = msr::kMtrrFix4kC0000,
     .name = "IA32_MTRR_FIX4K",
     .place = fixed_mtrr<3>,
     .writable = kAll,
     .valid = every_byte<x86::is_mtrr_type>,
     .count = 8},
    {.index = msr::kPat,
     .name = "IA32_PAT",
     .place = field<&Msrs::pat>,
     .writable = kAll,
     .valid = every_byte<x86::is_pat_type>},
    {.index = msr::kMtrrDefaultType,
     .name = "IA32_MTRR_DEF_TYPE",
     .place = field<&Msrs::mtrr_default_type>,
     .writable = kMtrrDefaultTypeWritable,
     .valid = has_mtrr_type},
    {.index = msr::kStar, .name = "IA32_STAR", .place = field<&Msrs::star>, .writable = kAll},
    {.index = msr::kLstar,
     .name = "IA32_LSTAR",
     .place = field<&Msrs::lstar>,
     .writable = kAll,
     .valid = is_canonical},
    {.index = msr::kCstar,
     .name = "IA32_CSTAR",
     .place = field<&Msrs::cstar>,
     .writable = kAll,
     .valid = is_canonical},
    {.index = msr::kSyscallMask,
     .name = "IA32_FMASK",
     .place = field<&Msrs::syscall_mask>,
     .writable = kLow32},
    {.index = msr::kFsBase,
     .name = "IA32_FS_BASE",
     .place = base_of<SegmentRegister::kFs>,
     .writable = kAll,
     .valid = is_canonical},
    {.index = msr::kGsBase,
     .name = "IA32_GS_BASE",
     .place = base_of<SegmentRegister::kGs>,
     .writable = kAll,
     .valid = is_canonical},
    {.index = msr::kKernelGsBase,
     .name = "IA32_KERNEL_GS_BASE",
     .place = field<&Msrs::kernel_gs_base>,
     .writable = kAll,
     .valid = is_canonical},
    {.index = msr::kTscAux,
     .name = "IA32_TSC_AUX",
     .place = field<&Msrs::tsc_aux>,
     .writable = kLow32},
};

}  // namespace

std::span<const MsrRow> msr_table() {
  return kTable;
}

}  // namespace orrery::hypervisor::soft
