// PUSH, POP and LEAVE.
#include "hypervisor/soft/translate/emit/block_emitter.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

constexpr x::Gpq kRsp = x::r15;
static_assert(kHostOfRsp == 15);
constexpr unsigned kRspNumber = static_cast<unsigned>(x86::Gpr::kRsp);

unsigned number_of(const ZydisDecodedOperand& operand) {
  return static_cast<unsigned>(ZydisRegisterGetId(operand.reg.value));
}

}  // namespace

// STORE writes the value to [kT0] and may use kT1. RSP moves once the store has succeeded.
void BlockEmitter::emit_push_value(const Item& item, const std::function<void()>& store,
                                   Then then) {
  free_flags(item.live_before);
  a_.lea(kT0, x::ptr(kRsp, -8));
  emit_access(item, {8, AccessKind::kWrite, false, true, then}, [this, store] {
    store();
    a_.lea(kRsp, x::ptr(kRsp, -8));
  });
}

void BlockEmitter::emit_push(const Item& item) {
  const ZydisDecodedOperand& operand = item.decoded.operands[0];
  if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) {
    emit_target_to_scratch(item);
    return emit_push_value(item, [this] {
      a_.mov(kT1, context(ORRERY_STATE_FIELD(layout_, scratch)));
      a_.mov(x::qword_ptr(kT0), kT1);
    });
  }
  emit_push_value(item, [this, &operand] {
    if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
      a_.mov(x::qword_ptr(kT0), static_cast<std::int32_t>(operand.imm.value.s));
    } else {
      a_.mov(x::qword_ptr(kT0), read_gpr(number_of(operand), kT1));
    }
  });
}

void BlockEmitter::emit_pop(const Item& item) {
  const unsigned guest = number_of(item.decoded.operands[0]);
  free_flags(item.live_before);
  a_.mov(kT0, kRsp);
  emit_access(item, {8, AccessKind::kRead, false, true}, [this, &item, guest] {
    emit_popped(item, x::qword_ptr(kT0));
    if (guest != kRspNumber) a_.lea(kRsp, x::ptr(kRsp, 8));
  });
}

void BlockEmitter::emit_popped(const Item& item, const x::Mem& place) {
  const unsigned guest = number_of(item.decoded.operands[0]);
  const auto host = registers_.of(guest);
  a_.mov(host ? x::gpq(*host) : kT1, place);
  if (!host) a_.mov(context(layout_.gpr(guest)), kT1);
}

void BlockEmitter::emit_leave(const Item& item) {
  free_flags(item.live_before);
  a_.mov(kT0, x::rbp);
  emit_access(item, {8, AccessKind::kRead, false, true}, [this] {
    a_.lea(kRsp, x::ptr(x::rbp, 8));
    a_.mov(x::rbp, x::qword_ptr(kT0));
  });
}

}  // namespace orrery::hypervisor::soft::translate
