// Instructions that are copied, LEA, and division.
#include <bit>

#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/translate/emit/block_emitter.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

// The guest's register that an operand names, whole.
unsigned gpr_of(ZydisRegister reg) {
  return static_cast<unsigned>(
      ZydisRegisterGetId(ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg)));
}

bool is_high_byte(ZydisRegister reg) {
  return reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
}

void substitute(const ZydisDecodedOperand& operand, unsigned host, Substitution& substitution) {
  switch (operand.encoding) {
    case ZYDIS_OPERAND_ENCODING_MODRM_REG: substitution.reg = host; break;
    case ZYDIS_OPERAND_ENCODING_MODRM_RM: substitution.rm = host; break;
    case ZYDIS_OPERAND_ENCODING_OPCODE: substitution.opcode = host; break;
    case ZYDIS_OPERAND_ENCODING_NDSNDD: substitution.vvvv = host; break;
    default: break;  // implied by the opcode, and at home in the host's register of that name
  }
}

}  // namespace

// The host register that has guest register GUEST now: its own, or TEMPORARY, loaded.
x::Gpq BlockEmitter::read_gpr(unsigned guest, const x::Gpq& temporary) {
  if (const auto host = registers_.of(guest)) return x::gpq(*host);
  a_.mov(temporary, context(layout_.gpr(guest)));
  return temporary;
}

// The vector registers are loaded by the first block that uses them after code was entered.
void BlockEmitter::ensure_vectors(const Item& item) {
  if (vectors_known_ >= item.plan.vectors) return;
  vectors_known_ = item.plan.vectors;
  free_flags(item.live_before);
  const asmjit::Label missing = a_.newLabel();
  const asmjit::Label there = a_.newLabel();
  a_.cmp(context(ORRERY_STATE_FIELD(layout_, vectors_loaded), 1),
         static_cast<std::uint32_t>(item.plan.vectors));
  a_.jb(missing);
  a_.bind(there);
  later([this, missing, there, &item] {
    a_.bind(missing);
    emit_partial(item);
    load_constant(kT0, item.rip);
    a_.mov(kT1.r32(), static_cast<std::uint32_t>(item.decoded.info.mnemonic));
    call_to(item.plan.vectors == Vectors::kAvx ? gates_.load_avx : gates_.load_vectors);
    emit_no_partial();
    a_.jmp(there);
  });
}

// The same for the x87 unit.
void BlockEmitter::ensure_x87(const Item& item) {
  if (x87_known_) return;
  x87_known_ = true;
  free_flags(item.live_before);
  const asmjit::Label missing = a_.newLabel();
  const asmjit::Label there = a_.newLabel();
  a_.cmp(context(ORRERY_STATE_FIELD(layout_, x87_loaded), 1), 0);
  a_.je(missing);
  a_.bind(there);
  const X87Site& site = sites_.x87.emplace_back(
      X87Site{before(item), item.rip, item.decoded.info.mnemonic, flags_ == FlagState::kSaved});
  later([this, missing, there, &site] {
    a_.bind(missing);
    a_.mov(kT0, reinterpret_cast<std::uint64_t>(&site));
    call_to(gates_.load_x87);
    a_.jmp(there);
  });
}

// Where the new value leaves an exception unmasked, or has reserved bits, the interpreter goes on.
void BlockEmitter::emit_load_control(const Item& item) {
  if (item.plan.x87) ensure_x87(item);
  if (item.plan.vectors != Vectors::kNone) ensure_vectors(item);
  const bool x87 = item.plan.x87;
  const asmjit::Label care = a_.newLabel();
  free_flags(item.live_before);
  emit_linear(item, item.decoded.operands[item.plan.memory_operand]);
  const x::Mem scratch = context(ORRERY_STATE_FIELD(layout_, scratch), x87 ? 2 : 4);
  emit_access(item, access_of(item), [this, x87, care, scratch] {
    constexpr std::int32_t kMxcsrMasks = 0x1f80;
    constexpr std::int32_t kMxcsrReserved = static_cast<std::int32_t>(0xffff'0000);
    constexpr std::int32_t kX87Masks = 0x3f;
    if (x87) {
      a_.movzx(kT0.r32(), x::word_ptr(kT0));
    } else {
      a_.mov(kT0.r32(), x::dword_ptr(kT0));
    }
    a_.mov(kT1.r32(), kT0.r32());
    a_.and_(kT1.r32(), x87 ? kX87Masks : kMxcsrReserved | kMxcsrMasks);
    a_.cmp(kT1.r32(), x87 ? kX87Masks : kMxcsrMasks);
    a_.jne(care);
    if (x87) {
      a_.mov(scratch, kT0.r16());
      a_.fldcw(scratch);
    } else {
      a_.mov(scratch, kT0.r32());
      a_.ldmxcsr(scratch);
    }
  });
  later([this, &item, care, before = flags_] {
    a_.bind(care);
    flags_ = before;
    emit_interpret(item);
  });
}

void BlockEmitter::emit_copy(const Item& item) {
  if (item.plan.x87) ensure_x87(item);
  if (item.plan.vectors != Vectors::kNone) ensure_vectors(item);
  if (item.plan.memory_operand < 0) {
    prepare_flags_for(item);
    emit_operation(item, std::nullopt);
    return;
  }
  free_flags(item.live_before);
  emit_linear(item, item.decoded.operands[item.plan.memory_operand]);
  emit_access(item, access_of(item), [this, &item] {
    prepare_flags_for(item);
    emit_operation(item, MemoryBase{kFirstTemporary, 0});
  });
}

// The instruction itself. Registers that are in memory are in temporaries while it executes.
void BlockEmitter::emit_operation(const Item& item, std::optional<MemoryBase> memory) {
  Substitution substitution;
  if (memory) {
    substitution.memory_base = memory->host;
    substitution.memory_displacement = memory->displacement;
  }
  struct Held {
    unsigned guest;
    unsigned temporary;
    bool written;
  };
  Held held[2];
  unsigned count = 0;
  for (unsigned n = 0; n < item.decoded.info.operand_count_visible; ++n) {
    const ZydisDecodedOperand& operand = item.decoded.operands[n];
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || !is_gpr(operand.reg.value) ||
        is_high_byte(operand.reg.value)) {
      continue;
    }
    const unsigned guest = gpr_of(operand.reg.value);
    const bool written = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    if (const auto host = registers_.of(guest)) {
      substitute(operand, *host, substitution);
      continue;
    }
    unsigned temporary = 0;
    for (unsigned k = 0; k < count; ++k) {
      if (held[k].guest != guest) continue;
      temporary = held[k].temporary;
      held[k].written |= written;
    }
    if (temporary == 0) {
      const bool first_is_taken = memory || windows_ != 0 || count == 1;
      temporary = first_is_taken ? kSecondTemporary : kFirstTemporary;
      a_.mov(x::gpq(temporary), context(layout_.gpr(guest)));
      held[count++] = {guest, temporary, written};
    }
    substitute(operand, temporary, substitution);
  }
  const Encoding encoding = rewrite(item.decoded, item.bytes, substitution);
  a_.embed(encoding.bytes.data(), encoding.size);
  for (unsigned k = 0; k < count; ++k) {
    if (held[k].written) a_.mov(context(layout_.gpr(held[k].guest)), x::gpq(held[k].temporary));
  }
}

void BlockEmitter::emit_load_address(const Item& item) {
  if (has_direct_address(item, registers_)) return emit_direct_address(item);
  emit_offset(item, item.decoded.operands[1]);  // a segment has no part in it
  const unsigned guest = gpr_of(item.decoded.operands[0].reg.value);
  const unsigned size = item.decoded.operands[0].size;
  const auto host = registers_.of(guest);
  if (host) {
    if (size == 64) {
      a_.mov(x::gpq(*host), kT0);
    } else if (size == 32) {
      a_.mov(x::gpd(*host), x::r10d);
    } else {
      a_.mov(x::gpw(*host), x::r10w);
    }
    return;
  }
  if (size == 32) a_.mov(x::r10d, x::r10d);
  if (size == 16) {
    a_.mov(context(layout_.gpr(guest), 2), x::r10w);
  } else {
    a_.mov(context(layout_.gpr(guest)), kT0);
  }
}

void BlockEmitter::emit_direct_address(const Item& item) {
  const ZydisDecodedOperandMem& memory = item.decoded.operands[1].mem;
  const auto displacement =
      static_cast<std::uint64_t>(memory.disp.has_displacement ? memory.disp.value : 0);
  const auto host = [this](ZydisRegister reg) { return x::gpq(*registers_.of(gpr_of(reg))); };
  const x::Gpq destination = host(item.decoded.operands[0].reg.value);
  if (memory.base == ZYDIS_REGISTER_RIP) {
    return load_constant(destination, item.next_rip() + displacement);
  }
  const auto distance = static_cast<std::int32_t>(displacement);
  const x::Mem address =
      memory.index == ZYDIS_REGISTER_NONE
          ? x::ptr(host(memory.base), distance)
          : x::ptr(host(memory.base), host(memory.index),
                   static_cast<std::uint32_t>(std::countr_zero(memory.scale)), distance);
  const unsigned size = item.decoded.operands[0].size;
  a_.lea(size == 64   ? x::Gp(destination)
         : size == 32 ? x::Gp(destination.r32())
                      : x::Gp(destination.r16()),
         address);
}

// The host's instruction, where its quotient is known to fit; everything else, faults among it, is
// the interpreter's.
void BlockEmitter::emit_divide(const Item& item) {
  const ZydisDecodedOperand& divisor = item.decoded.operands[0];
  const unsigned size = divisor.size / 8u;
  free_flags(item.live_before);
  if (item.plan.memory_operand >= 0) {
    emit_linear(item, divisor);
    emit_access(item, access_of(item), [this, size] {
      if (size == 8) {
        a_.mov(kT0, x::qword_ptr(kT0));
      } else {
        a_.mov(kT0.r32(), x::dword_ptr(kT0));
      }
    });
  } else {
    const unsigned guest = gpr_of(divisor.reg.value);
    const auto host = registers_.of(guest);
    if (host) {
      a_.mov(kT0, x::gpq(*host));
    } else {
      a_.mov(kT0, context(layout_.gpr(guest)));
    }
  }
  const asmjit::Label care = a_.newLabel();
  const asmjit::Label after = a_.newLabel();
  emit_division_check(item, size, care);
  a_.bind(after);
  later([this, &item, care, after, before = flags_] {
    a_.bind(care);
    flags_ = before;
    emit_callout(item);
    a_.jmp(after);
  });
  flags_ = FlagState::kHost;  // whatever they are: a division leaves them undefined
}

void BlockEmitter::emit_division_check(const Item& item, unsigned size, const asmjit::Label& care) {
  const bool is_signed = item.decoded.info.mnemonic == ZYDIS_MNEMONIC_IDIV;
  const auto sized = [size](const x::Gpq& reg) -> x::Gp {
    return size == 8 ? x::Gp(reg) : x::Gp(reg.r32());
  };
  const x::Gp divisor = sized(kT0);
  if (!is_signed) {
    a_.cmp(sized(x::rdx), divisor);  // the quotient fits if the high half is below the divisor
    a_.jae(care);
    a_.div(divisor);
    return;
  }
  // The dividend is a sign-extended low half (CDQ, CQO came before), the divisor neither 0 nor -1.
  a_.mov(sized(kT1), sized(x::rax));
  a_.sar(sized(kT1), size * 8 - 1);
  a_.cmp(sized(kT1), sized(x::rdx));
  a_.jne(care);
  a_.lea(sized(kT1), x::ptr(kT0, 1));
  a_.cmp(sized(kT1), 1);
  a_.jbe(care);
  a_.idiv(divisor);
}

}  // namespace orrery::hypervisor::soft::translate
