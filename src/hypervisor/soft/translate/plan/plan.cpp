#include "hypervisor/soft/translate/plan/plan.hpp"

#include "hypervisor/soft/decode/decoder.hpp"
#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "hypervisor/soft/translate/plan/system_plan.hpp"
#include "x86/cpuid_features.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

// Integer instructions that are the same over any registers, and touch nothing but their operands,
// accumulators and arithmetic flags.
bool is_plain_integer(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_ADC:
    case ZYDIS_MNEMONIC_ADCX:
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_ADOX:
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_ANDN:
    case ZYDIS_MNEMONIC_BEXTR:
    case ZYDIS_MNEMONIC_BLSI:
    case ZYDIS_MNEMONIC_BLSMSK:
    case ZYDIS_MNEMONIC_BLSR:
    case ZYDIS_MNEMONIC_BSF:
    case ZYDIS_MNEMONIC_BSR:
    case ZYDIS_MNEMONIC_BSWAP:
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTC:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BZHI:
    case ZYDIS_MNEMONIC_CBW:
    case ZYDIS_MNEMONIC_CDQ:
    case ZYDIS_MNEMONIC_CDQE:
    case ZYDIS_MNEMONIC_CLC:
    case ZYDIS_MNEMONIC_CMC:
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_CMPXCHG:
    case ZYDIS_MNEMONIC_CMPXCHG16B:
    case ZYDIS_MNEMONIC_CMPXCHG8B:
    case ZYDIS_MNEMONIC_CQO:
    case ZYDIS_MNEMONIC_CRC32:
    case ZYDIS_MNEMONIC_CWD:
    case ZYDIS_MNEMONIC_CWDE:
    case ZYDIS_MNEMONIC_DEC:
    case ZYDIS_MNEMONIC_IMUL:
    case ZYDIS_MNEMONIC_INC:
    case ZYDIS_MNEMONIC_LAHF:
    case ZYDIS_MNEMONIC_LFENCE:
    case ZYDIS_MNEMONIC_LZCNT:
    case ZYDIS_MNEMONIC_MFENCE:
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVNTI:
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MUL:
    case ZYDIS_MNEMONIC_MULX:
    case ZYDIS_MNEMONIC_NEG:
    case ZYDIS_MNEMONIC_NOT:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_PDEP:
    case ZYDIS_MNEMONIC_PEXT:
    case ZYDIS_MNEMONIC_POPCNT:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR:
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RORX:
    case ZYDIS_MNEMONIC_SAHF:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_SARX:
    case ZYDIS_MNEMONIC_SBB:
    case ZYDIS_MNEMONIC_SFENCE:
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHLX:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SHRD:
    case ZYDIS_MNEMONIC_SHRX:
    case ZYDIS_MNEMONIC_STC:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_TEST:
    case ZYDIS_MNEMONIC_TZCNT:
    case ZYDIS_MNEMONIC_XADD:
    case ZYDIS_MNEMONIC_XCHG:
    case ZYDIS_MNEMONIC_XOR: return true;
    case ZYDIS_MNEMONIC_MOVBE: {
      static const bool kAvailable = host_has(x86::cpuid::kMovbe);
      return kAvailable;
    }
    default: return false;
  }
}

bool is_without_effect(const Decoded& decoded) {
  switch (decoded.info.meta.category) {
    case ZYDIS_CATEGORY_NOP:
    case ZYDIS_CATEGORY_WIDENOP:
    case ZYDIS_CATEGORY_PREFETCH: return true;
    default: return decoded.info.mnemonic == ZYDIS_MNEMONIC_PAUSE;
  }
}

bool is_sse_or_later(const Decoded& decoded) {
  switch (decoded.info.meta.isa_ext) {
    case ZYDIS_ISA_EXT_SSE:
    case ZYDIS_ISA_EXT_SSE2:
    case ZYDIS_ISA_EXT_SSE3:
    case ZYDIS_ISA_EXT_SSSE3:
    case ZYDIS_ISA_EXT_SSE4:
    case ZYDIS_ISA_EXT_AES:
    case ZYDIS_ISA_EXT_PCLMULQDQ:
    case ZYDIS_ISA_EXT_SHA: return true;
    default: return false;
  }
}

bool is_avx(const Decoded& decoded) {
  switch (decoded.info.meta.isa_ext) {
    case ZYDIS_ISA_EXT_AVX:
    case ZYDIS_ISA_EXT_AVX2:
    case ZYDIS_ISA_EXT_AVXAES:
    case ZYDIS_ISA_EXT_F16C:
    case ZYDIS_ISA_EXT_FMA:
    case ZYDIS_ISA_EXT_VAES:
    case ZYDIS_ISA_EXT_VPCLMULQDQ: return true;
    default: return false;
  }
}

bool has_operand_of_class(const Decoded& decoded, ZydisRegisterClass wanted) {
  for (unsigned n = 0; n < decoded.info.operand_count; ++n) {
    const ZydisDecodedOperand& operand = decoded.operands[n];
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
        ZydisRegisterGetClass(operand.reg.value) == wanted) {
      return true;
    }
  }
  return false;
}

// Instructions over the x87 unit's registers, which are MMX's as well. Left to the interpreter:
// what tells of the last instruction, which only it keeps, and functions whose accuracy is each
// implementation's own.
bool is_plain_x87(const Decoded& decoded) {
  switch (decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_F2XM1:
    case ZYDIS_MNEMONIC_FCOS:
    case ZYDIS_MNEMONIC_FPATAN:
    case ZYDIS_MNEMONIC_FPTAN:
    case ZYDIS_MNEMONIC_FSIN:
    case ZYDIS_MNEMONIC_FSINCOS:
    case ZYDIS_MNEMONIC_FYL2X:
    case ZYDIS_MNEMONIC_FYL2XP1:
    case ZYDIS_MNEMONIC_FLDCW:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNINIT:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FSTPNCE:
    case ZYDIS_MNEMONIC_MASKMOVQ: return false;
    default: return touches_x87(decoded);
  }
}

// Vector instructions over XMM registers; those of MMX share the x87 unit's state, and some have
// operands or effects of their own.
bool is_plain_vector(const Decoded& decoded) {
  switch (decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVPS:
    case ZYDIS_MNEMONIC_VMASKMOVPD:
    case ZYDIS_MNEMONIC_VPMASKMOVD:
    case ZYDIS_MNEMONIC_VPMASKMOVQ:
    case ZYDIS_MNEMONIC_VLDMXCSR:
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
    case ZYDIS_MNEMONIC_LDMXCSR:
    case ZYDIS_MNEMONIC_CLFLUSH:
    case ZYDIS_MNEMONIC_FISTTP: return false;
    default: break;
  }
  if (is_avx(decoded) || decoded.info.mnemonic == ZYDIS_MNEMONIC_STMXCSR) return true;
  return is_sse_or_later(decoded) && has_operand_of_class(decoded, ZYDIS_REGCLASS_XMM);
}

bool has_high_byte_register(const Decoded& decoded) {
  for (unsigned n = 0; n < decoded.info.operand_count_visible; ++n) {
    const ZydisDecodedOperand& operand = decoded.operands[n];
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.reg.value >= ZYDIS_REGISTER_AH &&
        operand.reg.value <= ZYDIS_REGISTER_BH) {
      return true;
    }
  }
  return false;
}

// RSP is in a register that needs a REX prefix, with which AH is SPL.
bool has_high_byte_beside_rsp(const Decoded& decoded) {
  if (!has_high_byte_register(decoded)) return false;
  for (unsigned n = 0; n < decoded.info.operand_count_visible; ++n) {
    const ZydisDecodedOperand& operand = decoded.operands[n];
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
        ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value) ==
            ZYDIS_REGISTER_RSP) {
      return true;
    }
  }
  return false;
}

bool is_accessed_memory(const ZydisDecodedOperand& operand) {
  return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type == ZYDIS_MEMOP_TYPE_MEM;
}

int find_memory_operand(const Decoded& decoded) {
  for (unsigned n = 0; n < decoded.info.operand_count_visible; ++n) {
    if (is_accessed_memory(decoded.operands[n])) return static_cast<int>(n);
  }
  return -1;
}

bool is_memory_held(const ZydisDecodedOperand& operand, HostRegisters registers) {
  if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
  const ZydisRegister full =
      ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value);
  if (ZydisRegisterGetClass(full) != ZYDIS_REGCLASS_GPR64) return false;
  return !registers.of(static_cast<unsigned>(ZydisRegisterGetId(full)));
}

// Two temporaries are there for registers in memory, one of them taken by a memory operand.
bool has_temporaries_for(const Decoded& decoded, int memory_operand, HostRegisters registers) {
  unsigned needed = memory_operand >= 0 ? 1 : 0;
  for (unsigned n = 0; n < decoded.info.operand_count_visible; ++n) {
    if (is_memory_held(decoded.operands[n], registers)) ++needed;
  }
  return needed <= 2;
}

bool has_only_general_registers(const Decoded& decoded) {
  for (unsigned n = 0; n < decoded.info.operand_count_visible; ++n) {
    const ZydisDecodedOperand& operand = decoded.operands[n];
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
    switch (ZydisRegisterGetClass(operand.reg.value)) {
      case ZYDIS_REGCLASS_GPR8:
      case ZYDIS_REGCLASS_GPR16:
      case ZYDIS_REGCLASS_GPR32:
      case ZYDIS_REGCLASS_GPR64: break;
      default: return false;
    }
  }
  return true;
}

// MOV, PUSH and POP of these end a block, unlike their other forms.
bool names_system_register(const Decoded& decoded) {
  return has_operand_of_class(decoded, ZYDIS_REGCLASS_SEGMENT) ||
         has_operand_of_class(decoded, ZYDIS_REGCLASS_CONTROL) ||
         has_operand_of_class(decoded, ZYDIS_REGCLASS_DEBUG);
}

// The interpreter goes on with the next block by itself: LOOP and JRCXZ, and near transfers of 16
// bits.
bool branches_on(const Decoded& decoded) {
  switch (decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_JMP:
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_RET: return true;
    default: return decoded.info.meta.category == ZYDIS_CATEGORY_COND_BR;
  }
}

// Whether vectors and the x87 unit may be used natively depends on MXCSR and the control word, and
// is found out when code is entered.
bool loads_float_control(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_FLDCW:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_LDMXCSR:
    case ZYDIS_MNEMONIC_VLDMXCSR:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64: return true;
    default: return false;
  }
}

// A bit string: the register operand reaches beyond the addressed bytes.
bool is_bit_string(const Decoded& decoded) {
  switch (decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTC:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTS:
      return decoded.operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
             decoded.operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER;
    default: return false;
  }
}

bool can_be_copied(const Decoded& decoded, int memory_operand, HostRegisters registers) {
  const auto& info = decoded.info;
  const bool vector = is_plain_vector(decoded);
  if (!vector && !is_plain_x87(decoded) &&
      !(is_plain_integer(info.mnemonic) && has_only_general_registers(decoded))) {
    return false;
  }
  if (has_high_byte_beside_rsp(decoded)) return false;
  if (is_bit_string(decoded) || !has_temporaries_for(decoded, memory_operand, registers))
    return false;
  if (memory_operand >= 0) {
    if (info.address_width != 64 || has_high_byte_register(decoded)) return false;
    if ((info.attributes & ZYDIS_ATTRIB_HAS_MODRM) == 0) return false;  // MOV with a direct offset
    if (decoded.operands[memory_operand].size > 256) return false;
  }
  return true;
}

bool is_plain_stack(const Decoded& decoded) {
  if (decoded.info.operand_width != 64) return false;
  const ZydisDecodedOperand& operand = decoded.operands[0];
  switch (operand.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      return ZydisRegisterGetClass(operand.reg.value) == ZYDIS_REGCLASS_GPR64;
    case ZYDIS_OPERAND_TYPE_MEMORY:
      return decoded.info.mnemonic == ZYDIS_MNEMONIC_PUSH && decoded.info.address_width == 64;
    default: return true;
  }
}

bool is_conditional_jump(const Decoded& decoded) {
  return decoded.info.meta.category == ZYDIS_CATEGORY_COND_BR &&
         (decoded.info.cpu_flags->tested & kAllFlags) != 0 &&
         decoded.info.mnemonic != ZYDIS_MNEMONIC_LOOPE &&
         decoded.info.mnemonic != ZYDIS_MNEMONIC_LOOPNE;
}

bool is_near(const Decoded& decoded) {
  return decoded.info.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR && decoded.info.operand_width == 64;
}

Way way_of_transfer(const Decoded& decoded) {
  const ZydisDecodedOperand& target = decoded.operands[0];
  const bool direct = target.type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
  if (!direct && target.type == ZYDIS_OPERAND_TYPE_MEMORY && decoded.info.address_width != 64) {
    return Way::kInterpret;
  }
  if (decoded.info.mnemonic == ZYDIS_MNEMONIC_JMP) return direct ? Way::kJump : Way::kJumpIndirect;
  return direct ? Way::kCall : Way::kCallIndirect;
}

Way way_of(const Decoded& decoded, int memory_operand, HostRegisters registers) {
  switch (decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_LEA:
      return decoded.info.address_width == 64 ? Way::kLoadAddress : Way::kCallout;
    case ZYDIS_MNEMONIC_PUSH: return is_plain_stack(decoded) ? Way::kPush : Way::kCallout;
    case ZYDIS_MNEMONIC_POP: return is_plain_stack(decoded) ? Way::kPop : Way::kCallout;
    case ZYDIS_MNEMONIC_LEAVE:
      return decoded.info.operand_width == 64 ? Way::kLeave : Way::kCallout;
    case ZYDIS_MNEMONIC_DIV:
    case ZYDIS_MNEMONIC_IDIV:
      return decoded.info.operand_width >= 32 && decoded.operands[0].size >= 32 &&
                     decoded.info.address_width == 64
                 ? Way::kDivide
                 : Way::kCallout;
    case ZYDIS_MNEMONIC_FLDCW:
    case ZYDIS_MNEMONIC_LDMXCSR:
    case ZYDIS_MNEMONIC_VLDMXCSR:
      return decoded.info.address_width == 64 ? Way::kLoadControl : Way::kCallout;
    case ZYDIS_MNEMONIC_JMP:
    case ZYDIS_MNEMONIC_CALL: return is_near(decoded) ? way_of_transfer(decoded) : Way::kInterpret;
    case ZYDIS_MNEMONIC_RET: return is_near(decoded) ? Way::kReturn : Way::kInterpret;
    default: break;
  }
  if (is_conditional_jump(decoded) && is_near(decoded)) return Way::kJumpConditional;
  if (is_without_effect(decoded)) return Way::kNothing;
  const auto category = decoded.info.meta.category;
  const bool plain_choice = category == ZYDIS_CATEGORY_CMOV || category == ZYDIS_CATEGORY_SETCC;
  if (plain_choice && has_temporaries_for(decoded, memory_operand, registers) &&
      !(memory_operand >= 0 && decoded.info.address_width != 64) &&
      !(memory_operand >= 0 && has_high_byte_register(decoded))) {
    return Way::kCopy;
  }
  return can_be_copied(decoded, memory_operand, registers) ? Way::kCopy : Way::kCallout;
}

// Shifts and rotates by a count of 0 leave all flags.
bool may_write_no_flags(const Decoded& decoded) {
  const auto category = decoded.info.meta.category;
  const bool shift = category == ZYDIS_CATEGORY_SHIFT || category == ZYDIS_CATEGORY_ROTATE;
  if (!shift)
    return (decoded.info.attributes &
            (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) != 0;
  const ZydisDecodedOperand& count = decoded.operands[decoded.info.operand_count_visible - 1];
  const unsigned mask = decoded.operands[0].size == 64 ? 63 : 31;
  return count.type != ZYDIS_OPERAND_TYPE_IMMEDIATE || (count.imm.value.u & mask) == 0;
}

void fill_flags(const Decoded& decoded, Plan& plan) {
  if (plan.way == Way::kCallout || plan.way == Way::kSystem || plan.way == Way::kInterpret) {
    plan.flags_read = kAllFlags;  // the interpreter takes them all, and gives them all
    plan.flags_written = plan.flags_touched = kAllFlags;
    return;
  }
  const ZydisAccessedFlags* flags = decoded.info.cpu_flags;
  if (flags == nullptr) return;
  plan.flags_read = flags->tested & kAllFlags;
  plan.flags_touched =
      (flags->modified | flags->set_0 | flags->set_1 | flags->undefined) & kAllFlags;
  // An undefined flag counts as written: it is whatever the host's processor makes of it.
  plan.flags_written = may_write_no_flags(decoded) ? 0 : plan.flags_touched;
}

}  // namespace

bool touches_x87(const Decoded& decoded) {
  switch (decoded.info.meta.isa_ext) {
    case ZYDIS_ISA_EXT_X87:
    case ZYDIS_ISA_EXT_MMX: return true;
    default: break;
  }
  return decoded.info.mnemonic == ZYDIS_MNEMONIC_FISTTP ||  // counted as SSE3
         has_operand_of_class(decoded, ZYDIS_REGCLASS_MMX);
}

Plan plan_for(const Decoded& decoded, HostRegisters registers) {
  Plan plan;
  const Row* row = row_of(decoded);
  if (row == nullptr) return plan;
  if (const auto system = system_way(decoded)) return plan_for_system(*system);
  plan.memory_operand = find_memory_operand(decoded);
  plan.way = way_of(decoded, plan.memory_operand, registers);
  const bool leaves = row->ends == Ends::kBlock || names_system_register(decoded) ||
                      loads_float_control(decoded.info.mnemonic);
  if (plan.way == Way::kCallout && leaves) plan.way = Way::kSystem;
  if ((plan.way == Way::kCallout || plan.way == Way::kSystem) && branches_on(decoded)) {
    plan.way = Way::kInterpret;
  }
  const bool loads_control = plan.way == Way::kLoadControl;
  if (plan.way == Way::kCopy || loads_control) {
    plan.x87 = touches_x87(decoded);
    const bool vector = is_plain_vector(decoded) || (loads_control && !plan.x87);
    if (vector) plan.vectors = is_avx(decoded) ? Vectors::kAvx : Vectors::kSse;
  }
  switch (plan.way) {
    case Way::kJump:
    case Way::kJumpIndirect:
    case Way::kCall:
    case Way::kCallIndirect:
    case Way::kReturn:
    case Way::kSystem:
    case Way::kInterpret: plan.ends_block = true; break;
    default: break;
  }
  fill_flags(decoded, plan);
  return plan;
}

}  // namespace orrery::hypervisor::soft::translate
