#include "hypervisor/soft/decode/instruction_sets.hpp"

#include <array>

#include "x86/control_registers.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace orrery::hypervisor::soft {
namespace {

namespace feature = x86::cpuid;

x86::CpuidRegisters host_cpuid([[maybe_unused]] std::uint32_t leaf,
                               [[maybe_unused]] std::uint32_t subleaf) {
  x86::CpuidRegisters answer;
#if defined(__x86_64__)
  __get_cpuid_count(leaf, subleaf, &answer.eax, &answer.ebx, &answer.ecx, &answer.edx);
#endif
  return answer;
}

// AVX is there where the host's operating system has enabled its state as well (SDM vol. 1, 14.3).
bool host_has_avx() {
  if (!host_has(feature::kAvx) || !host_has(feature::kOsXsave)) return false;
  std::uint32_t low = 0;
#if defined(__x86_64__)
  std::uint32_t high = 0;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
#endif
  constexpr std::uint32_t kState = x86::xcr0::kSse | x86::xcr0::kAvx;
  return (low & kState) == kState;
}

auto build_sets() {
  const auto with_avx = [avx = host_has_avx()](ZydisISAExt extension,
                                               const x86::CpuidFeature& wanted) {
    return InstructionSet{extension, wanted, avx && host_has(wanted)};
  };
  const auto plain = [](ZydisISAExt extension, const x86::CpuidFeature& wanted) {
    return InstructionSet{extension, wanted, host_has(wanted)};
  };
  return std::array{
      plain(ZYDIS_ISA_EXT_LZCNT, feature::kLzcnt),
      plain(ZYDIS_ISA_EXT_BMI1, feature::kBmi1),
      plain(ZYDIS_ISA_EXT_BMI2, feature::kBmi2),
      plain(ZYDIS_ISA_EXT_ADOX_ADCX, feature::kAdx),
      plain(ZYDIS_ISA_EXT_AES, feature::kAes),
      plain(ZYDIS_ISA_EXT_PCLMULQDQ, feature::kPclmulqdq),
      plain(ZYDIS_ISA_EXT_SHA, feature::kSha),
      with_avx(ZYDIS_ISA_EXT_AVX, feature::kAvx),
      with_avx(ZYDIS_ISA_EXT_AVX2, feature::kAvx2),
      with_avx(ZYDIS_ISA_EXT_AVX2GATHER, feature::kAvx2),
      with_avx(ZYDIS_ISA_EXT_FMA, feature::kFma),
      with_avx(ZYDIS_ISA_EXT_F16C, feature::kF16c),
      with_avx(ZYDIS_ISA_EXT_AVXAES, feature::kAes),
      with_avx(ZYDIS_ISA_EXT_VAES, feature::kVaes),
      with_avx(ZYDIS_ISA_EXT_VPCLMULQDQ, feature::kVpclmulqdq),
  };
}

const auto& sets() {
  static const auto all = build_sets();
  return all;
}

enum class Presence : std::uint8_t { kNotOptional, kThere, kMissing };

auto build_presences() {
  std::array<Presence, ZYDIS_ISA_EXT_MAX_VALUE + 1> presences{};
  for (const InstructionSet& set : sets()) {
    presences[set.extension] = set.host_has ? Presence::kThere : Presence::kMissing;
  }
  return presences;
}

}  // namespace

bool host_has(const x86::CpuidFeature& wanted) {
  return (host_cpuid(wanted.leaf, wanted.subleaf).*wanted.word & wanted.mask()) != 0;
}

std::span<const InstructionSet> optional_instruction_sets() {
  return sets();
}

bool has_instruction_set(ZydisISAExt extension, ZydisInstructionEncoding encoding) {
  static const auto presences = build_presences();
  const Presence presence = presences[extension];
  switch (encoding) {
    case ZYDIS_INSTRUCTION_ENCODING_LEGACY: return presence != Presence::kMissing;
    case ZYDIS_INSTRUCTION_ENCODING_VEX: return presence == Presence::kThere;
    default: return false;  // EVEX, XOP and others share mnemonics with these
  }
}

}  // namespace orrery::hypervisor::soft
