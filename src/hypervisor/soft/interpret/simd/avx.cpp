#include "hypervisor/soft/interpret/simd/avx.hpp"

namespace orrery::hypervisor::soft::simd {

void check_avx(Cpu& cpu) {
  constexpr std::uint64_t kState = x86::xcr0::kSse | x86::xcr0::kAvx;
  const bool has_mode = cpu.state.protected_mode() && !cpu.state.virtual_8086();
  if (!has_mode || (cpu.state.cr4 & x86::cr4::kXsave) == 0 || (cpu.state.xcr0 & kState) != kState) {
    cpu.raise(x86::Exception::kInvalidOpcode);
  }
  if ((cpu.state.cr0 & x86::cr0::kTaskSwitched) != 0) {
    cpu.raise(x86::Exception::kDeviceNotAvailable);
  }
}

unsigned last_operand(const Decoded& decoded) {
  // The register in an immediate (VBLENDVPS) comes behind it.
  unsigned last = decoded.info.operand_count_visible - 1u;
  while (last > 0 && (is_immediate(decoded, last) ||
                      decoded.operands[last].encoding == ZYDIS_OPERAND_ENCODING_IS4)) {
    --last;
  }
  return last;
}

void fill_vex(const Decoded& decoded, Instruction& record) {
  const unsigned last = last_operand(decoded);
  if (is_register(decoded, 0)) record.destination = register_field(decoded, 0);
  if (last > 0 && is_register(decoded, last)) record.source = register_field(decoded, last);
  if (last > 1) record.extra = register_field(decoded, 1);
}

}  // namespace orrery::hypervisor::soft::simd
