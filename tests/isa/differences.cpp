#include "isa/differences.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string_view>

#include <cpuid.h>

namespace orrery::isa {
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

// Beside the above, on processors of other makers.
constexpr const char* kDotProducts = "which NaN it returns is the implementation's choice";
constexpr Skipped kSkippedOnOthers[] = {
    {ZYDIS_MNEMONIC_DPPD, kDotProducts},
    {ZYDIS_MNEMONIC_DPPS, kDotProducts},
    {ZYDIS_MNEMONIC_VDPPD, kDotProducts},
    {ZYDIS_MNEMONIC_VDPPS, kDotProducts},
};

const char* reason_in(std::span<const Skipped> list, ZydisMnemonic mnemonic) {
  const auto found = std::ranges::find(list, mnemonic, &Skipped::mnemonic);
  return found == list.end() ? nullptr : found->reason;
}

bool asks_processor_for_maker() {
  constexpr std::string_view kAmd = "AuthenticAMD";
  if (const char* maker = std::getenv("ORRERY_ISA_MAKER"))
    return std::string_view(maker) != "other";
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0) return false;
  char name[12];
  std::memcpy(name, &ebx, 4);
  std::memcpy(name + 4, &edx, 4);
  std::memcpy(name + 8, &ecx, 4);
  return std::string_view(name, sizeof name) == kAmd;
}

bool uses_mmx(const DecodedInstruction& instruction) {
  return std::ranges::any_of(instruction.all(), [](const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
           ZydisRegisterGetClass(operand.reg.value) == ZYDIS_REGCLASS_MMX;
  });
}

// Seen on Intel's processors.
bool faults_differently_on_others(const DecodedInstruction& instruction) {
  switch (instruction.info.mnemonic) {
    case ZYDIS_MNEMONIC_BOUND:  // #BR by the lower bound, before the upper one is read
    case ZYDIS_MNEMONIC_FBSTP:
    case ZYDIS_MNEMONIC_FSTP:  // some bytes are stored by then
    case ZYDIS_MNEMONIC_FST:
    case ZYDIS_MNEMONIC_FIST:
    case ZYDIS_MNEMONIC_FISTP:
    case ZYDIS_MNEMONIC_FISTTP:     // an unmasked x87 exception comes before the memory's
    case ZYDIS_MNEMONIC_VCVTPS2PH:  // MXCSR tells of the conversion by then
    case ZYDIS_MNEMONIC_VMASKMOVPS:
    case ZYDIS_MNEMONIC_VMASKMOVPD:
    case ZYDIS_MNEMONIC_VPMASKMOVD:
    case ZYDIS_MNEMONIC_VPMASKMOVQ:  // CR2 is the first byte that faults, not the operand's first
      return true;
    case ZYDIS_MNEMONIC_CMPSB:
    case ZYDIS_MNEMONIC_CMPSW:
    case ZYDIS_MNEMONIC_CMPSD:
    case ZYDIS_MNEMONIC_CMPSQ:
    case ZYDIS_MNEMONIC_SCASB:
    case ZYDIS_MNEMONIC_SCASW:
    case ZYDIS_MNEMONIC_SCASD:
    case ZYDIS_MNEMONIC_SCASQ:  // the flags are those of before the first turn
      return instruction.has_repeat_prefix();
    default: return uses_mmx(instruction);  // TOP is 0 by then
  }
}

// Of a segment register Intel pushes two bytes in 32-bit code too, AMD four.
bool pushes_segment(const DecodedInstruction& instruction) {
  const ZydisDecodedOperand& pushed = instruction.operands[0];
  return instruction.info.mnemonic == ZYDIS_MNEMONIC_PUSH &&
         pushed.type == ZYDIS_OPERAND_TYPE_REGISTER &&
         ZydisRegisterGetClass(pushed.reg.value) == ZYDIS_REGCLASS_SEGMENT;
}

}  // namespace

bool is_reference_processor() {
  static const bool answer = asks_processor_for_maker();
  return answer;
}

const char* reason_to_skip(ZydisMnemonic mnemonic) {
  const char* reason = reason_in(kSkipped, mnemonic);
  if (reason != nullptr || is_reference_processor()) return reason;
  return reason_in(kSkippedOnOthers, mnemonic);
}

bool encoded_ambiguously(const DecodedInstruction& instruction, Mode mode) {
  const ZydisDecodedInstruction& info = instruction.info;
  // 0F 0D with a register: a NOP on Intel, #UD on AMD.
  if (info.opcode_map == ZYDIS_OPCODE_MAP_0F && info.opcode == 0x0d && info.raw.modrm.mod == 3) {
    return true;
  }
  switch (info.mnemonic) {
    // AMD lets REP and REPNE choose between LOOPE and LOOPNE.
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
      if (instruction.has_repeat_prefix()) return true;
      break;
    // Without 64-bit registers VEX.W has no meaning here by the manual; AMD makes it #UD.
    case ZYDIS_MNEMONIC_VPEXTRD:
    case ZYDIS_MNEMONIC_VPINSRD: return info.raw.vex.W != 0;
    // F3 90 with REX.B is XCHG r8, rAX.
    case ZYDIS_MNEMONIC_PAUSE: return info.raw.rex.B != 0;
    // Of RBP, 16-bit ENTER in 64-bit code writes all on Intel, the low half on AMD.
    case ZYDIS_MNEMONIC_ENTER: return !is_32bit(mode) && info.operand_width == 16;
    case ZYDIS_MNEMONIC_PUSH: return !is_reference_processor() && pushes_segment(instruction);
    default: break;
  }
  // With an operand-size prefix Intel and AMD disagree about what a branch is.
  const bool branches =
      info.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE || info.mnemonic == ZYDIS_MNEMONIC_RET;
  return branches && (info.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) != 0;
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
    // Of a remainder that is the denormal dividend itself Intel tells no underflow.
    case ZYDIS_MNEMONIC_FPREM:
    case ZYDIS_MNEMONIC_FPREM1: return !is_reference_processor();
    default: return false;
  }
}

bool needs_masked_simd_exceptions(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_CVTPI2PS:
    case ZYDIS_MNEMONIC_CVTPS2PI:
    case ZYDIS_MNEMONIC_CVTTPS2PI:
    case ZYDIS_MNEMONIC_CVTPD2PI:
    case ZYDIS_MNEMONIC_CVTTPD2PI:
      return true;  // AMD enters MMX state before #XM
    // Intel tells of a result too small beside the operand that raises #XM.
    case ZYDIS_MNEMONIC_VCVTPS2PH: return !is_reference_processor();
    default: return false;
  }
}

bool faults_differently(const DecodedInstruction& instruction) {
  switch (instruction.info.mnemonic) {
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
    default: return !is_reference_processor() && faults_differently_on_others(instruction);
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

namespace {

bool differs_from(const DecodedInstruction& instruction, Mode mode, const Image& before,
                  const Image& expected) {
  constexpr std::uint16_t kX87Masks = 0x3f;
  constexpr std::uint32_t kSimdMasks = 0x1f80;
  const ZydisMnemonic mnemonic = instruction.info.mnemonic;
  const FxImage& fx = before.registers.fx;
  const bool page_fault = expected.fault && expected.fault->exception == x86::Exception::kPageFault;
  return reason_to_skip(mnemonic) != nullptr || encoded_ambiguously(instruction, mode) ||
         undefined_conditions(mnemonic) != 0 || needs_aligned_operand(mnemonic) ||
         (needs_masked_exceptions(mnemonic) && (fx.control & kX87Masks) != kX87Masks) ||
         (needs_masked_simd_exceptions(mnemonic) && (fx.mxcsr & kSimdMasks) != kSimdMasks) ||
         (page_fault && (faults_differently(instruction) || faults_in_any_order(mnemonic)));
}

}  // namespace

bool makers_differ(std::span<const std::byte> code, Mode mode, const Image& before,
                   const Image& expected) {
  const ZydisDecoder decoder = decoder_for(mode);
  while (const auto instruction = decode(decoder, code)) {
    if (differs_from(*instruction, mode, before, expected)) return true;
    code = code.subspan(instruction->info.length);
  }
  return false;
}

}  // namespace orrery::isa
