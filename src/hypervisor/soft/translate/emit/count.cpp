// Counted mode: where code says how many instructions have retired.
#include "hypervisor/soft/translate/emit/block_emitter.hpp"

namespace orrery::hypervisor::soft::translate {

// Where flags are needed, they survive: LEA changes none.
void BlockEmitter::emit_count(const Item& item, HostFlags flags) {
  if (!counted()) return;
  const auto retired = static_cast<std::int32_t>(before(item) + 1);
  if (flags == HostFlags::kFree) {
    a_.sub(kCounter, retired);
  } else {
    a_.lea(kCounter, x::ptr(kCounter, -retired));
  }
}

void BlockEmitter::emit_partial(const Item& item) {
  if (!counted()) return;
  a_.mov(context(ORRERY_STATE_FIELD(layout_, partial), 4), before(item));
}

void BlockEmitter::emit_no_partial() {
  if (!counted()) return;
  a_.mov(context(ORRERY_STATE_FIELD(layout_, partial), 4), 0);
}

}  // namespace orrery::hypervisor::soft::translate
