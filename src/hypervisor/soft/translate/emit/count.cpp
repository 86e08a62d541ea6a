// Counted mode: where code says how many instructions have retired.
#include "hypervisor/soft/translate/emit/block_emitter.hpp"

namespace orrery::hypervisor::soft::translate {

// Where flags are needed, they survive: LEA changes none.
void BlockEmitter::emit_count(const Item& item, HostFlags flags) {
  if (!counted_) return;
  const auto retired = static_cast<std::int32_t>(before(item) + 1);
  const x::Mem countdown = context(ORRERY_STATE_FIELD(layout_, countdown));
  if (flags == HostFlags::kFree) {
    a_.sub(countdown, retired);
    return;
  }
  a_.mov(kT0, countdown);
  a_.lea(kT0, x::ptr(kT0, -retired));
  a_.mov(countdown, kT0);
}

void BlockEmitter::emit_partial(const Item& item) {
  if (!counted_) return;
  a_.mov(context(ORRERY_STATE_FIELD(layout_, partial), 4), before(item));
}

void BlockEmitter::emit_no_partial() {
  if (!counted_) return;
  a_.mov(context(ORRERY_STATE_FIELD(layout_, partial), 4), 0);
}

}  // namespace orrery::hypervisor::soft::translate
