// Transfers of control: to known addresses, which are linked, and to others, which are looked up.
#include "hypervisor/soft/translate/emit/block_emitter.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

constexpr x::Gpq kRsp = x::r15;

// Of leaving the block. Jcc rel32 is 0F 80+cc (SDM vol. 2A, Jcc); Jcc rel8 is 70+cc; the lowest bit
// negates.
x::CondCode condition_of(const Item& item) {
  constexpr x::CondCode kConditions[] = {
      x::CondCode::kO, x::CondCode::kNO, x::CondCode::kB,  x::CondCode::kNB,
      x::CondCode::kE, x::CondCode::kNE, x::CondCode::kBE, x::CondCode::kNBE,
      x::CondCode::kS, x::CondCode::kNS, x::CondCode::kP,  x::CondCode::kNP,
      x::CondCode::kL, x::CondCode::kNL, x::CondCode::kLE, x::CondCode::kNLE};
  return kConditions[(item.decoded.info.opcode ^ (item.is_followed ? 1u : 0u)) & 15];
}

}  // namespace

void BlockEmitter::add_link(const asmjit::Label& behind_distance, const asmjit::Label& stub,
                            std::uint64_t target, bool within_page) {
  LinkSite& site = sites_.links.emplace_back(LinkSite{0, page_.page, within_page});
  pending_links_.push_back({behind_distance, &site});
  const std::uint64_t gate = within_page ? gates_.exit_link : gates_.exit_link_saved;
  later([this, stub, target, &site, gate] {
    a_.bind(stub);
    load_constant(kT0, target);
    a_.mov(kT1, reinterpret_cast<std::uint64_t>(&site));
    jump_to(gate);
  });
}

// Flags are the host's for a target within the page, otherwise saved or dead.
void BlockEmitter::emit_linkable_jump(std::uint64_t target) {
  const bool within_page = page_.contains(target);
  if (!chain_) return emit_open_jump(target, within_page);
  if (within_page && target == first_rip_) {
    a_.jmp(body_);
    return;
  }
  if (const std::uint64_t body = unit_.body_of(target); body != 0) return jump_to(body);
  emit_open_jump(target, within_page);
}

// To the entry that checks; flags are saved or dead.
void BlockEmitter::emit_checked_jump(std::uint64_t target) {
  emit_open_jump(target, false);
}

void BlockEmitter::emit_open_jump(std::uint64_t target, bool within_page) {
  const asmjit::Label stub = a_.newLabel();
  const asmjit::Label behind = a_.newLabel();
  a_.long_().jmp(stub);
  a_.bind(behind);
  add_link(behind, stub, target, within_page);
}

// Leaves if the vCPU's attention is wanted; on every cycle of jumps within a page there is one.
void BlockEmitter::emit_poll(const Item& item, std::uint64_t target, FlagSet live) {
  free_flags(live);
  const asmjit::Label wanted = a_.newLabel();
  emit_count(item, HostFlags::kFree);
  if (counted()) a_.js(wanted);
  a_.cmp(context(layout_.attention, 1), 0);
  a_.jne(wanted);
  const std::uint64_t gate =
      flags_ == FlagState::kSaved ? gates_.exit_continue_saved : gates_.exit_continue;
  later([this, wanted, target, gate] {
    a_.bind(wanted);
    load_constant(kT0, target);
    jump_to(gate);
  });
}

void BlockEmitter::emit_transfer(const Item& item, std::uint64_t target, FlagSet live) {
  if (page_.contains(target)) {
    if (target <= item.rip) {
      emit_poll(item, target, live);
    } else {
      const bool kept = flags_ == FlagState::kHost && live != 0;
      emit_count(item, kept ? HostFlags::kKept : HostFlags::kFree);
    }
    restore_flags();
  } else {
    if (flags_ == FlagState::kHost) emit_save_flags();
    emit_count(item, HostFlags::kFree);
  }
  emit_linkable_jump(target);
}

void BlockEmitter::emit_jump(const Item& item) {
  emit_transfer(item, item.target(), item.live_taken);
}

void BlockEmitter::emit_conditional_jump(const Item& item) {
  restore_flags();
  const std::uint64_t target = item.exit();
  const x::CondCode condition = condition_of(item);
  if (!counted() && page_.contains(target) && target > item.rip) {
    // The jump itself can be linked.
    const asmjit::Label stub = a_.newLabel();
    const asmjit::Label behind = a_.newLabel();
    a_.long_().j(condition, stub);
    a_.bind(behind);
    add_link(behind, stub, target, true);
    return;
  }
  const asmjit::Label taken = a_.newLabel();
  a_.j(condition, taken);
  behind([this, &item, taken, target] {
    a_.bind(taken);
    flags_ = FlagState::kHost;
    emit_transfer(item, target, item.live_taken);
  });
}

void BlockEmitter::emit_target_to_scratch(const Item& item) {
  const ZydisDecodedOperand& operand = item.decoded.operands[0];
  if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    const unsigned guest = ZydisRegisterGetId(operand.reg.value) & 15;
    a_.mov(context(ORRERY_STATE_FIELD(layout_, scratch)), read_gpr(guest, kT0));
    return;
  }
  free_flags(item.live_before);
  emit_linear(item, operand);
  Access access = access_of(item);
  access.kind = AccessKind::kRead;
  access.size = 8;
  emit_access(item, access, [this] {
    a_.mov(kT0, x::qword_ptr(kT0));
    a_.mov(context(ORRERY_STATE_FIELD(layout_, scratch)), kT0);
  });
}

void BlockEmitter::emit_indirect(const Item& item, std::int32_t stack_distance) {
  if (flags_ == FlagState::kHost) emit_save_flags();
  const auto distance = static_cast<std::int32_t>(static_cast<std::size_t>(page_.mode) *
                                                  sizeof(State::Indirect) * State::kIndirects);
  emit_look_up_indirect(item, stack_distance, distance, [] {});
}

// In the table DISTANCE behind the first one, plus what ADD_TABLE adds to kT1.
void BlockEmitter::emit_look_up_indirect(const Item& item, std::int32_t stack_distance,
                                         std::int32_t distance,
                                         const std::function<void()>& add_table) {
  const std::int32_t table = ORRERY_STATE_FIELD(layout_, indirect) + distance;
  const asmjit::Label unknown = a_.newLabel();
  emit_count(item, HostFlags::kFree);
  a_.mov(kT1.r32(), kT0.r32());
  a_.and_(kT1.r32(), State::kIndirects - 1);
  a_.shl(kT1.r32(), 4);
  static_assert(sizeof(State::Indirect) == 16);
  add_table();
  a_.cmp(kT0, context(kT1, table + static_cast<std::int32_t>(offsetof(State::Indirect, rip))));
  a_.jne(unknown);
  a_.jmp(context(kT1, table + static_cast<std::int32_t>(offsetof(State::Indirect, code))));
  const IndirectSite& site = sites_.indirects.emplace_back(IndirectSite{item.rip, stack_distance});
  later([this, unknown, &site] {
    a_.bind(unknown);
    a_.mov(kT1, reinterpret_cast<std::uint64_t>(&site));
    jump_to(gates_.exit_indirect_saved);
  });
}

void BlockEmitter::emit_jump_indirect(const Item& item) {
  emit_target_to_scratch(item);
  a_.mov(kT0, context(ORRERY_STATE_FIELD(layout_, scratch)));
  emit_indirect(item, 0);
}

void BlockEmitter::emit_push_return(const Item& item, Then then) {
  const auto store = [this, &item] {
    load_constant(kT1, item.next_rip());
    a_.mov(x::qword_ptr(kT0), kT1);
  };
  emit_push_value(item, store, then);
}

void BlockEmitter::emit_call(const Item& item) {
  emit_push_return(item, Then::kTarget);
  emit_transfer(item, item.target(), item.live_taken);
}

// A non-canonical target is #GP(0) before anything is pushed; the interpreter raises it.
void BlockEmitter::emit_call_indirect(const Item& item) {
  free_flags(item.live_before);
  emit_target_to_scratch(item);
  const asmjit::Label refused = a_.newLabel();
  a_.mov(kT0, context(ORRERY_STATE_FIELD(layout_, scratch)));
  a_.mov(kT1, kT0);
  a_.shl(kT1, 16);
  a_.sar(kT1, 16);
  a_.cmp(kT1, kT0);
  a_.jne(refused);
  later([this, &item, refused, before = flags_] {
    a_.bind(refused);
    flags_ = before;
    emit_interpret(item);
  });
  emit_push_return(item, Then::kScratch);
  a_.mov(kT0, context(ORRERY_STATE_FIELD(layout_, scratch)));
  emit_indirect(item, -8);
}

std::int32_t BlockEmitter::bytes_released(const Item& item) {
  const ZydisDecodedOperand& released = item.decoded.operands[0];
  const bool has_count = released.type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
  return static_cast<std::int32_t>(8 + (has_count ? released.imm.value.u & 0xffff : 0));
}

void BlockEmitter::emit_return(const Item& item) {
  const std::int32_t distance = bytes_released(item);
  free_flags(item.live_before);
  a_.mov(kT0, kRsp);
  emit_access(item, {8, AccessKind::kRead, false, true}, [this, distance] {
    a_.mov(kT0, x::qword_ptr(kT0));
    a_.lea(kRsp, x::ptr(kRsp, distance));
  });
  emit_indirect(item, distance);
}

}  // namespace orrery::hypervisor::soft::translate
