#include "hypervisor/soft/interpret/system/registers/features.hpp"

#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system/families.hpp"
#include "x86/msr.hpp"

namespace orrery::hypervisor::soft {
namespace {

namespace cr4 = x86::cr4;
namespace efer = x86::efer;
namespace feature = x86::cpuid;

struct ControlBit {
  std::uint64_t bit;
  x86::CpuidFeature feature;
};

constexpr ControlBit kCr4Bits[] = {
    {cr4::kVirtual8086Extensions, feature::kVme},
    {cr4::kProtectedVirtualInterrupts, feature::kVme},
    {cr4::kTimeStampDisable, feature::kTsc},
    {cr4::kDebuggingExtensions, feature::kDe},
    {cr4::kPageSizeExtensions, feature::kPse},
    {cr4::kPhysicalAddressExtension, feature::kPae},
    {cr4::kMachineCheckEnable, feature::kMce},
    {cr4::kPageGlobalEnable, feature::kPge},
    {cr4::kPerformanceCounterEnable, feature::kMsr},
    {cr4::kFxsave, feature::kFxsr},
    {cr4::kSimdExceptions, feature::kSse},
    {cr4::kUserInstructionPrevention, feature::kUmip},
    {cr4::kFsGsBase, feature::kFsGsBase},
    {cr4::kPcid, feature::kPcid},
    {cr4::kXsave, feature::kXsave},
    {cr4::kSupervisorExecutionPrevention, feature::kSmep},
    {cr4::kSupervisorAccessPrevention, feature::kSmap},
};

constexpr ControlBit kEferBits[] = {
    {efer::kSystemCall, feature::kSyscall},
    {efer::kLongModeEnable, feature::kLongMode},
    {efer::kLongModeActive, feature::kLongMode},
    {efer::kNoExecute, feature::kNoExecute},
};

template <std::size_t size>
std::uint64_t supported(const Cpu& cpu, const ControlBit (&bits)[size]) {
  std::uint64_t result = 0;
  for (const ControlBit& control : bits) {
    if (x86::has_feature(cpu.cpuid, control.feature)) result |= control.bit;
  }
  return result;
}

void set_bit(std::uint32_t& word, const x86::CpuidFeature& which, bool value) {
  word = value ? word | which.mask() : word & ~which.mask();
}

// Bytes of the extended state that XCR0 enables (SDM vol. 1, 13.2): the legacy area and the header,
// then AVX.
std::uint32_t enabled_state_size(std::uint64_t xcr0) {
  constexpr std::uint32_t kLegacyAndHeader = 512 + 64;
  constexpr std::uint32_t kAvxState = 256;
  return kLegacyAndHeader + ((xcr0 & x86::xcr0::kAvx) != 0 ? kAvxState : 0);
}

void identify(Cpu& cpu, const Instruction&) {
  using x86::Gpr;
  const x86::CpuidRegisters answer =
      current_cpuid(cpu, static_cast<std::uint32_t>(cpu.gpr(Gpr::kRax)),
                    static_cast<std::uint32_t>(cpu.gpr(Gpr::kRcx)));
  cpu.gpr(Gpr::kRax) = answer.eax;
  cpu.gpr(Gpr::kRbx) = answer.ebx;
  cpu.gpr(Gpr::kRcx) = answer.ecx;
  cpu.gpr(Gpr::kRdx) = answer.edx;
}

bool select_identify(const Decoded&, Instruction& record) {
  record.handler = &step<identify>;
  return true;
}

constexpr Row kRows[] = {{ZYDIS_MNEMONIC_CPUID, select_identify}};

}  // namespace

x86::CpuidRegisters current_cpuid(Cpu& cpu, std::uint32_t leaf, std::uint32_t subleaf) {
  x86::CpuidRegisters answer = cpu.cpuid.query(leaf, subleaf);
  constexpr unsigned kApicEnable = 11;  // IA32_APIC_BASE
  if (leaf == feature::kOsXsave.leaf) {
    set_bit(answer.ecx, feature::kOsXsave, (cpu.state.cr4 & cr4::kXsave) != 0);
    if (const auto base = cpu.environment.read_msr(x86::msr::kApicBase)) {
      if (!bit(*base, kApicEnable)) set_bit(answer.edx, feature::kApic, false);
    }
  } else if (leaf == 0xd && subleaf <= 1 && answer.ebx != 0) {
    answer.ebx = enabled_state_size(cpu.state.xcr0);
  }
  return answer;
}

std::uint64_t supported_cr4(const Cpu& cpu) {
  return supported(cpu, kCr4Bits);
}

std::uint64_t supported_efer(const Cpu& cpu) {
  return supported(cpu, kEferBits);
}

unsigned physical_address_bits(const Cpu& cpu) {
  constexpr unsigned kDefault = 36;
  const x86::CpuidEntry* sizes = cpu.cpuid.find(0x8000'0008, 0);
  return sizes == nullptr ? kDefault : bits(sizes->registers.eax, 7, 0);
}

std::span<const Row> identification_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft
