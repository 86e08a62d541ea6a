// Accesses through the same registers: one look-up in the TLB, then the instructions with kT0 as
// their base, or kT1 where there are two windows. Where it misses, the same instructions come once
// more, far from here, each with a look-up of its own; so all that faults or is noted happens
// there.
#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/translate/emit/block_emitter.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

constexpr x::Gpq kRsp = x::r15;
constexpr unsigned kAlignment = 16;

// Other than as the base of a memory operand that belongs to the run.
bool names_rsp(const AccessRun::Step& step) {
  const Decoded& decoded = step.item->decoded;
  for (unsigned n = 0; n < decoded.info.operand_count_visible; ++n) {
    const ZydisDecodedOperand& operand = decoded.operands[n];
    const auto is_rsp = [](ZydisRegister reg) {
      return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg) ==
             ZYDIS_REGISTER_RSP;
    };
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && is_rsp(operand.reg.value)) return true;
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && !step.accesses() && is_rsp(operand.mem.base)) {
      return true;
    }
  }
  return false;
}

}  // namespace

void BlockEmitter::emit_run(const AccessRun& run) {
  const Item& first = *run.steps.front().item;
  if (first.plan.vectors != Vectors::kNone) ensure_vectors(first);
  free_flags(first.live_before);
  const FlagState before = flags_;
  const asmjit::Label missed = a_.newLabel();
  const asmjit::Label joined = a_.newLabel();
  emit_windows(run, missed);

  windows_ = static_cast<unsigned>(run.windows.size());
  moved_ = 0;
  for (const AccessRun::Step& step : run.steps) emit_step(run, step);
  if (!run.leaves()) emit_moves(run.steps.back().moved);
  windows_ = 0;
  a_.bind(joined);

  std::vector<const Item*> items;
  items.reserve(run.steps.size());
  for (const AccessRun::Step& step : run.steps) items.push_back(step.item);
  later([this, missed, joined, before, after = flags_, items, leaves = run.leaves()] {
    a_.bind(missed);
    flags_ = before;
    for (const Item* item : items) emit_item(*item);
    if (leaves) return;
    come_to(after);
    a_.jmp(joined);
  });
}

// The host's addresses of the windows' lowest bytes go to kT0 and kT1.
void BlockEmitter::emit_windows(const AccessRun& run, const asmjit::Label& missed) {
  const x::Mem scratch = context(ORRERY_STATE_FIELD(layout_, scratch));
  const bool has_second = run.windows.size() == 2;
  if (has_second) {
    emit_window(run.windows[1], missed);
    a_.mov(scratch, kT0);
  }
  emit_window(run.windows[0], missed);
  if (has_second) a_.mov(kT1, scratch);
}

void BlockEmitter::emit_window(const AccessRun::Window& window, const asmjit::Label& missed) {
  LookUp wanted{window.size(), window.writes, window.aligned ? kAlignment : 1};
  if (window.anchor.base == ZYDIS_REGISTER_RIP) {
    wanted.known = window.origin + static_cast<std::uint64_t>(std::int64_t{window.lowest});
    load_constant(kT0, *wanted.known);
  } else {
    emit_address(window.anchor, window.lowest);
  }
  emit_look_up(wanted, missed);
}

// Brings RSP to where it is MOVED from its value before the run.
void BlockEmitter::emit_moves(std::int32_t moved) {
  if (moved != moved_) a_.lea(kRsp, x::ptr(kRsp, moved - moved_));
  moved_ = moved;
}

void BlockEmitter::emit_step(const AccessRun& run, const AccessRun::Step& step) {
  const Item& item = *step.item;
  if (!step.accesses()) {
    if (item.plan.way == Way::kJumpConditional || names_rsp(step)) emit_moves(step.moved);
    return emit_item(item);
  }
  const unsigned window_register = step.window == 0 ? kFirstTemporary : kSecondTemporary;
  const auto displacement =
      static_cast<std::int8_t>(step.distance - run.windows[step.window].lowest);
  const x::Mem place = x::qword_ptr(x::gpq(window_register), displacement);
  const ZydisDecodedOperand& operand = item.decoded.operands[0];
  switch (item.plan.way) {
    case Way::kPush:
      if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        a_.mov(place, static_cast<std::int32_t>(operand.imm.value.s));
      } else {
        a_.mov(place, read_gpr(static_cast<unsigned>(ZydisRegisterGetId(operand.reg.value)), kT1));
      }
      return;
    case Way::kPop: return emit_popped(item, place);
    case Way::kCall:
    case Way::kReturn: return emit_last_step(item, place, step.moved);
    default: break;
  }
  if (names_rsp(step)) emit_moves(step.moved);
  prepare_flags_for(item);
  emit_operation(item, MemoryBase{window_register, displacement});
}

void BlockEmitter::emit_last_step(const Item& item, const x::Mem& place, std::int32_t moved) {
  free_flags(item.live_before);
  if (item.plan.way == Way::kCall) {
    const x::Gpq other = place.baseId() == kT0.id() ? kT1 : kT0;
    load_constant(other, item.next_rip());
    a_.mov(place, other);
    emit_moves(moved - 8);
    windows_ = 0;
    return emit_transfer(item, item.target(), item.live_taken);
  }
  const std::int32_t released = bytes_released(item);
  a_.mov(kT0, place);
  emit_moves(moved + released);
  windows_ = 0;
  emit_indirect(item, released);
}

// Flags are as they are behind the run's own code.
void BlockEmitter::come_to(FlagState flags) {
  if (flags == FlagState::kHost) restore_flags();
  if (flags == FlagState::kSaved && flags_ == FlagState::kHost) emit_save_flags();
  flags_ = flags;
}

}  // namespace orrery::hypervisor::soft::translate
