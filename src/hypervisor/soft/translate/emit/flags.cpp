// Where the guest's flags are while host flags are needed for something else.
#include "hypervisor/soft/translate/emit/block_emitter.hpp"

namespace orrery::hypervisor::soft::translate {

void BlockEmitter::free_flags(FlagSet needed) {
  if (flags_ != FlagState::kHost) return;
  if (needed == 0) {
    flags_ = FlagState::kDead;
    return;
  }
  emit_save_flags();
  flags_ = FlagState::kSaved;
}

void BlockEmitter::restore_flags() {
  if (flags_ == FlagState::kSaved) emit_restore_flags();
  flags_ = FlagState::kHost;
}

void BlockEmitter::prepare_flags_for(const Item& item) {
  if (flags_ == FlagState::kHost) return;
  const Plan& plan = item.plan;
  const FlagSet kept = item.live_after & ~plan.flags_written;
  if (plan.flags_read != 0 || (plan.flags_touched != 0 && kept != 0)) {
    restore_flags();
  } else if (plan.flags_touched != 0) {
    flags_ = FlagState::kHost;  // all that is needed is written now
  }
}

// LAHF and SETO take one cycle each everywhere; PUSHF and POPF take twenty.
void BlockEmitter::emit_save_flags() {
  emit_hold_rax();
  a_.lahf();
  a_.seto(x::al);
  a_.mov(context(ORRERY_STATE_FIELD(layout_, saved_flags), 2), x::ax);
  emit_give_back_rax();
}

void BlockEmitter::emit_restore_flags() {
  emit_hold_rax();
  a_.movzx(x::eax, context(ORRERY_STATE_FIELD(layout_, saved_flags), 2));
  a_.add(x::al, 0x7f);  // overflows when bit 0 is set
  a_.sahf();
  emit_give_back_rax();
}

// In the second temporary, where that is not a window's.
void BlockEmitter::emit_hold_rax() {
  if (windows_ < 2) return void(a_.mov(kT1, x::rax));
  a_.mov(context(ORRERY_STATE_FIELD(layout_, scratch)), x::rax);
}

void BlockEmitter::emit_give_back_rax() {
  if (windows_ < 2) return void(a_.mov(x::rax, kT1));
  a_.mov(x::rax, context(ORRERY_STATE_FIELD(layout_, scratch)));
}

}  // namespace orrery::hypervisor::soft::translate
