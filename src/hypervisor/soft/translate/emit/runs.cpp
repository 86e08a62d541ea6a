// Accesses through one base register: one look-up in the TLB, then the instructions with kT0 as
// their base. Where it misses, the same instructions come once more, far from here, each with a
// look-up of its own; so all that faults or is noted happens there.
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
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && !step.accesses && is_rsp(operand.mem.base)) {
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
  const x::Gpq base = read_gpr(run.base, kT0);
  if (run.lowest != 0) {
    a_.lea(kT0, x::ptr(base, run.lowest));
  } else if (base != kT0) {
    a_.mov(kT0, base);
  }
  emit_look_up(run.size(), run.writes, run.aligned ? kAlignment : 1, missed);

  in_run_ = true;
  moved_ = 0;
  for (const AccessRun::Step& step : run.steps) emit_step(run, step);
  if (!run.leaves()) emit_moves(run.steps.back().moved);
  in_run_ = false;
  a_.bind(joined);

  std::vector<const Item*> items;
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

// Brings RSP to where it is MOVED from its value before the run.
void BlockEmitter::emit_moves(std::int32_t moved) {
  if (moved != moved_) a_.lea(kRsp, x::ptr(kRsp, moved - moved_));
  moved_ = moved;
}

void BlockEmitter::emit_step(const AccessRun& run, const AccessRun::Step& step) {
  const Item& item = *step.item;
  const auto displacement = static_cast<std::int8_t>(step.distance - run.lowest);
  const x::Mem place = x::qword_ptr(kT0, displacement);
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
  if (item.plan.way == Way::kJumpConditional || names_rsp(step)) emit_moves(step.moved);
  if (!step.accesses) return emit_item(item);
  prepare_flags_for(item);
  emit_operation(item, true, displacement);
}

void BlockEmitter::emit_last_step(const Item& item, const x::Mem& place, std::int32_t moved) {
  free_flags(item.live_before);
  if (item.plan.way == Way::kCall) {
    load_constant(kT1, item.next_rip());
    a_.mov(place, kT1);
    emit_moves(moved - 8);
    in_run_ = false;
    return emit_transfer(item, item.target(), item.live_taken);
  }
  const std::int32_t released = bytes_released(item);
  a_.mov(kT0, place);
  emit_moves(moved + released);
  in_run_ = false;
  emit_indirect(item, released);
}

// Flags are as they are behind the run's own code.
void BlockEmitter::come_to(FlagState flags) {
  if (flags == FlagState::kHost) restore_flags();
  if (flags == FlagState::kSaved && flags_ == FlagState::kHost) emit_save_flags();
  flags_ = flags;
}

}  // namespace orrery::hypervisor::soft::translate
