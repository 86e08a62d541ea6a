#include "hypervisor/soft/translate/plan/item.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

// Or there is none.
bool is_in_host_register(ZydisRegister reg, HostRegisters registers) {
  if (reg == ZYDIS_REGISTER_NONE) return true;
  const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  return registers.of(static_cast<unsigned>(ZydisRegisterGetId(whole))).has_value();
}

}  // namespace

// Legacy SSE wants operands of 16 bytes aligned (SDM vol. 1, 10.4 and 12.10), but for these.
// VEX-encoded instructions do so only where they say it.
bool needs_alignment(const Item& item) {
  if (item.decoded.info.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
    switch (item.decoded.info.mnemonic) {
      case ZYDIS_MNEMONIC_VMOVAPS:
      case ZYDIS_MNEMONIC_VMOVAPD:
      case ZYDIS_MNEMONIC_VMOVDQA:
      case ZYDIS_MNEMONIC_VMOVNTPS:
      case ZYDIS_MNEMONIC_VMOVNTPD:
      case ZYDIS_MNEMONIC_VMOVNTDQ:
      case ZYDIS_MNEMONIC_VMOVNTDQA: return true;
      default: return false;
    }
  }
  if (item.decoded.operands[item.plan.memory_operand].size != 128) return false;
  switch (item.decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_MOVUPS:
    case ZYDIS_MNEMONIC_MOVUPD:
    case ZYDIS_MNEMONIC_MOVDQU:
    case ZYDIS_MNEMONIC_LDDQU:
    case ZYDIS_MNEMONIC_PCMPESTRI:
    case ZYDIS_MNEMONIC_PCMPESTRM:
    case ZYDIS_MNEMONIC_PCMPISTRI:
    case ZYDIS_MNEMONIC_PCMPISTRM: return false;
    default: return true;
  }
}

bool has_direct_address(const Item& item, HostRegisters registers) {
  const ZydisDecodedOperandMem& memory = item.decoded.operands[1].mem;
  if (!is_in_host_register(item.decoded.operands[0].reg.value, registers)) return false;
  if (memory.base == ZYDIS_REGISTER_RIP) return item.decoded.operands[0].size == 64;
  return memory.base != ZYDIS_REGISTER_NONE && is_in_host_register(memory.base, registers) &&
         is_in_host_register(memory.index, registers);
}

}  // namespace orrery::hypervisor::soft::translate
