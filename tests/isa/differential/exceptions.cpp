#include "isa/differential/exceptions.hpp"

#include <algorithm>
#include <iterator>

namespace orrery::isa::differential {
namespace {

struct Skipped {
  ZydisMnemonic mnemonic;
  const char* reason;
};

constexpr const char* kEntersKernel = "enters the host's kernel";
constexpr const char* kParavirtual = "paravirtual hosts raise #UD for it in ring 3";
constexpr const char* kHostSpecific = "answers differ between processors by design";
constexpr const char* kSegments = "the host's descriptor tables and bases are not the test's";
constexpr const char* kUmip = "the host's kernel forbids or emulates it in ring 3";
constexpr const char* kPointers = "stores FIP, FDP and FOP, which processors keep differently";
constexpr const char* kAccuracy = "its accuracy is the implementation's choice";
constexpr const char* kRandomNumbers = "not deterministic";

constexpr Skipped kSkipped[] = {
    {ZYDIS_MNEMONIC_SYSCALL, kEntersKernel},
    {ZYDIS_MNEMONIC_SYSENTER, kEntersKernel},
    {ZYDIS_MNEMONIC_SYSEXIT, kParavirtual},
    {ZYDIS_MNEMONIC_INT, kEntersKernel},
    {ZYDIS_MNEMONIC_INT1, "a debug trap belongs to the host's kernel"},
    {ZYDIS_MNEMONIC_VMCALL, kEntersKernel},
    {ZYDIS_MNEMONIC_VMMCALL, kEntersKernel},
    {ZYDIS_MNEMONIC_CPUID, kHostSpecific},
    {ZYDIS_MNEMONIC_RDTSC, kRandomNumbers},
    {ZYDIS_MNEMONIC_RDTSCP, kRandomNumbers},
    {ZYDIS_MNEMONIC_RDPMC, kHostSpecific},
    {ZYDIS_MNEMONIC_RDRAND, kRandomNumbers},
    {ZYDIS_MNEMONIC_RDSEED, kRandomNumbers},
    {ZYDIS_MNEMONIC_RDPID, kHostSpecific},
    {ZYDIS_MNEMONIC_XGETBV, kHostSpecific},
    {ZYDIS_MNEMONIC_XSAVE, kHostSpecific},
    {ZYDIS_MNEMONIC_XSAVE64, kHostSpecific},
    {ZYDIS_MNEMONIC_XSAVEOPT, kHostSpecific},
    {ZYDIS_MNEMONIC_XSAVEOPT64, kHostSpecific},
    {ZYDIS_MNEMONIC_XSAVEC, kHostSpecific},
    {ZYDIS_MNEMONIC_XSAVEC64, kHostSpecific},
    {ZYDIS_MNEMONIC_XRSTOR, kHostSpecific},
    {ZYDIS_MNEMONIC_XRSTOR64, kHostSpecific},
    {ZYDIS_MNEMONIC_XBEGIN, kHostSpecific},
    {ZYDIS_MNEMONIC_XEND, kHostSpecific},
    {ZYDIS_MNEMONIC_XABORT, kHostSpecific},
    {ZYDIS_MNEMONIC_RDFSBASE, kSegments},
    {ZYDIS_MNEMONIC_RDGSBASE, kSegments},
    {ZYDIS_MNEMONIC_WRFSBASE, kSegments},
    {ZYDIS_MNEMONIC_WRGSBASE, kSegments},
    {ZYDIS_MNEMONIC_SWAPGS, kSegments},
    {ZYDIS_MNEMONIC_LAR, kSegments},
    {ZYDIS_MNEMONIC_LSL, kSegments},
    {ZYDIS_MNEMONIC_VERR, kSegments},
    {ZYDIS_MNEMONIC_VERW, kSegments},
    {ZYDIS_MNEMONIC_LDS, kSegments},
    {ZYDIS_MNEMONIC_LES, kSegments},
    {ZYDIS_MNEMONIC_LFS, kSegments},
    {ZYDIS_MNEMONIC_LGS, kSegments},
    {ZYDIS_MNEMONIC_LSS, kSegments},
    {ZYDIS_MNEMONIC_IRET, kSegments},
    {ZYDIS_MNEMONIC_IRETD, kSegments},
    {ZYDIS_MNEMONIC_IRETQ, kSegments},
    {ZYDIS_MNEMONIC_EMMS, "AMD clears TOP, Intel keeps it"},
    {ZYDIS_MNEMONIC_ARPL, "whether it writes where nothing changes is the implementation's choice"},
    {ZYDIS_MNEMONIC_FSTPNCE, "not documented; an empty register is no error on AMD"},
    {ZYDIS_MNEMONIC_SYSRET, "in 32-bit code #UD on Intel, #GP in ring 3 on AMD"},
    {ZYDIS_MNEMONIC_SGDT, kUmip},
    {ZYDIS_MNEMONIC_SIDT, kUmip},
    {ZYDIS_MNEMONIC_SLDT, kUmip},
    {ZYDIS_MNEMONIC_SMSW, kUmip},
    {ZYDIS_MNEMONIC_STR, kUmip},
    {ZYDIS_MNEMONIC_FNSAVE, kPointers},
    {ZYDIS_MNEMONIC_FNSTENV, kPointers},
    {ZYDIS_MNEMONIC_FXSAVE, kPointers},
    {ZYDIS_MNEMONIC_FXSAVE64, kPointers},
    {ZYDIS_MNEMONIC_F2XM1, kAccuracy},
    {ZYDIS_MNEMONIC_FYL2X, kAccuracy},
    {ZYDIS_MNEMONIC_FYL2XP1, kAccuracy},
    {ZYDIS_MNEMONIC_FPTAN, kAccuracy},
    {ZYDIS_MNEMONIC_FPATAN, kAccuracy},
    {ZYDIS_MNEMONIC_FSIN, kAccuracy},
    {ZYDIS_MNEMONIC_FCOS, kAccuracy},
    {ZYDIS_MNEMONIC_FSINCOS, kAccuracy},
    {ZYDIS_MNEMONIC_VRCPPS, kAccuracy},
    {ZYDIS_MNEMONIC_VRCPSS, kAccuracy},
    {ZYDIS_MNEMONIC_VRSQRTPS, kAccuracy},
    {ZYDIS_MNEMONIC_VRSQRTSS, kAccuracy},
    {ZYDIS_MNEMONIC_RCPPS, kAccuracy},
    {ZYDIS_MNEMONIC_RCPSS, kAccuracy},
    {ZYDIS_MNEMONIC_RSQRTPS, kAccuracy},
    {ZYDIS_MNEMONIC_RSQRTSS, kAccuracy},
};

}  // namespace

const char* reason_to_skip(ZydisMnemonic mnemonic) {
  const auto* found = std::ranges::find(kSkipped, mnemonic, &Skipped::mnemonic);
  return found == std::ranges::end(kSkipped) ? nullptr : found->reason;
}

bool may_leave_flags(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR:
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD:
    case ZYDIS_MNEMONIC_CMPSB:
    case ZYDIS_MNEMONIC_CMPSW:
    case ZYDIS_MNEMONIC_CMPSD:
    case ZYDIS_MNEMONIC_CMPSQ:
    case ZYDIS_MNEMONIC_SCASB:
    case ZYDIS_MNEMONIC_SCASW:
    case ZYDIS_MNEMONIC_SCASD:
    case ZYDIS_MNEMONIC_SCASQ: return true;
    default: return false;
  }
}

std::uint32_t undefined_conditions(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_FNOP:
      return ZYDIS_FPUFLAG_C0 | ZYDIS_FPUFLAG_C1 | ZYDIS_FPUFLAG_C2 | ZYDIS_FPUFLAG_C3;
    // Without a stack underflow AMD leaves C1 as it was.
    case ZYDIS_MNEMONIC_FCMOVB:
    case ZYDIS_MNEMONIC_FCMOVBE:
    case ZYDIS_MNEMONIC_FCMOVE:
    case ZYDIS_MNEMONIC_FCMOVNB:
    case ZYDIS_MNEMONIC_FCMOVNBE:
    case ZYDIS_MNEMONIC_FCMOVNE:
    case ZYDIS_MNEMONIC_FCMOVNU:
    case ZYDIS_MNEMONIC_FCMOVU:
    case ZYDIS_MNEMONIC_FCOMI:
    case ZYDIS_MNEMONIC_FCOMIP:
    case ZYDIS_MNEMONIC_FUCOMI:
    case ZYDIS_MNEMONIC_FUCOMIP: return ZYDIS_FPUFLAG_C1;
    default: return 0;
  }
}

bool needs_masked_exceptions(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_FCOM:
    case ZYDIS_MNEMONIC_FCOMP:
    case ZYDIS_MNEMONIC_FCOMPP:
    case ZYDIS_MNEMONIC_FUCOM:
    case ZYDIS_MNEMONIC_FUCOMP:
    case ZYDIS_MNEMONIC_FUCOMPP:
    case ZYDIS_MNEMONIC_FICOM:
    case ZYDIS_MNEMONIC_FICOMP:
    case ZYDIS_MNEMONIC_FTST:
    case ZYDIS_MNEMONIC_FCOMI:
    case ZYDIS_MNEMONIC_FCOMIP:
    case ZYDIS_MNEMONIC_FUCOMI:
    case ZYDIS_MNEMONIC_FUCOMIP:  // AMD sets the flags, Intel does not
    case ZYDIS_MNEMONIC_FLD:      // AMD loads a denormal, Intel does not
      return true;
    default: return false;
  }
}

bool needs_masked_simd_exceptions(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_CVTPI2PS:
    case ZYDIS_MNEMONIC_CVTPS2PI:
    case ZYDIS_MNEMONIC_CVTTPS2PI:
    case ZYDIS_MNEMONIC_CVTPD2PI:
    case ZYDIS_MNEMONIC_CVTTPD2PI: return true;  // AMD enters MMX state before #XM
    default: return false;
  }
}

bool faults_differently(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:  // with nothing to store (SDM vol. 2B)
    case ZYDIS_MNEMONIC_POPA:
    case ZYDIS_MNEMONIC_POPAD:  // some registers may be loaded by then
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:  // which of their bytes is read first
      return true;
    default: return false;
  }
}

bool needs_aligned_operand(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_SHA1MSG1:
    case ZYDIS_MNEMONIC_SHA1MSG2:
    case ZYDIS_MNEMONIC_SHA1NEXTE:
    case ZYDIS_MNEMONIC_SHA1RNDS4:
    case ZYDIS_MNEMONIC_SHA256MSG1:
    case ZYDIS_MNEMONIC_SHA256MSG2:
    case ZYDIS_MNEMONIC_SHA256RNDS2: return true;  // #GP on Intel, AMD loads it
    default: return false;
  }
}

bool faults_in_any_order(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_CMPSB:
    case ZYDIS_MNEMONIC_CMPSW:
    case ZYDIS_MNEMONIC_CMPSD:
    case ZYDIS_MNEMONIC_CMPSQ: return true;  // AMD: the first comes second when it crosses a page
    default: return false;
  }
}

}  // namespace orrery::isa::differential
