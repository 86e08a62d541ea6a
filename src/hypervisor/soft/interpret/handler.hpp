// How a family's function over (Cpu&, const Instruction&) becomes a handler: threaded dispatch by
// tail calls.
//
//   void execute_bswap(Cpu& cpu, const Instruction& i);
//   record.handler = &step<execute_bswap>;
//
// Ordinary instructions use step<>. An instruction whose table row says Ends::kBlock uses leave<>:
// the function may call Cpu::branch() or Cpu::set_rip(); where it does not, the next instruction
// follows.
#pragma once

#include "hypervisor/soft/block_cache.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"

namespace orrery::hypervisor::soft {

// What a family writes: does the instruction's work, and throws a Fault before anything changed.
using Body = void (*)(Cpu& cpu, const Instruction& i);

template <auto body>
void step(Cpu& cpu, const Instruction* i) {
  cpu.set_current(i);
  body(cpu, *i);
  return i[1].handler(cpu, i + 1);
}

// The same for a body that cannot fault and does not ask where it is (rip(), next_rip()): spares
// the store that says so.
template <auto body>
void step_calmly(Cpu& cpu, const Instruction* i) {
  body(cpu, *i);
  return i[1].handler(cpu, i + 1);
}

// The same in two ways: `quick` does the common case without calls, so that its handler needs no
// stack frame, or changes nothing and returns false; then BODY does it with all checks.
template <auto body>
[[gnu::noinline, gnu::cold]] void step_with_care(Cpu& cpu, const Instruction* i) {
  return step<body>(cpu, i);
}
template <auto quick, auto body>
void step_quickly(Cpu& cpu, const Instruction* i) {
  if (!quick(cpu, *i)) [[unlikely]]
    return step_with_care<body>(cpu, i);
  return i[1].handler(cpu, i + 1);
}

// Inline because every sixth or so instruction ends a block. In 64-bit code, at TARGET:
[[gnu::always_inline]] inline const Block* Cpu::finish_block_at(const Instruction* last,
                                                                std::uint64_t target) {
  const bool may_go_on = count_down(static_cast<std::uint64_t>(last - block_->records()) + 1);
#ifndef ORRERY_SANITIZED  // without tail calls, chained blocks would pile up on the stack
  if (may_go_on && !attention_.load(std::memory_order_relaxed)) [[likely]] {
    if (Block* next = blocks_->jump_target(target, fetch_context_, code_pages_.epoch()))
        [[likely]] {
      if ((next->heat -= heat_step_) > 0) [[likely]] {
        registers_[kBlockRipSlot] = target;
        block_ = next;
        return next;
      }
    }
  }
#else
  static_cast<void>(may_go_on);
#endif
  next_block_rip_ = target;
  between_blocks();
  return nullptr;
}
[[gnu::always_inline]] inline const Block* Cpu::finish_block(const Instruction* last) {
  if (block_ == nullptr) [[unlikely]] {  // executed for translated code, which goes on by itself
    between_blocks();
    return nullptr;
  }
  const bool may_go_on = count_down(static_cast<std::uint64_t>(last - block_->records()) + 1);
#ifndef ORRERY_SANITIZED  // without tail calls, chained blocks would pile up on the stack
  if (may_go_on && !attention_.load(std::memory_order_relaxed)) [[likely]] {
    const std::uint64_t linear = code_linear(next_block_rip_ & code_mask_);
    if (Block* next = blocks_->jump_target(linear, fetch_context_, code_pages_.epoch()))
        [[likely]] {
      if ((next->heat -= heat_step_) > 0) [[likely]] {
        enter(next);
        return next;
      }
    }
  }
#else
  static_cast<void>(may_go_on);
#endif
  between_blocks();
  return nullptr;
}

// Ends the block after instruction I: counts, and goes on to the next block or back to the run
// loop.
[[gnu::always_inline]] inline void leave_block(Cpu& cpu, const Instruction* i) {
  if (const Block* next = cpu.finish_block(i)) [[likely]] {
    return next->records()->handler(cpu, next->records());
  }
}

template <auto body>
void leave(Cpu& cpu, const Instruction* i) {
  cpu.set_current(i);
  cpu.fall_through(*i);
  body(cpu, *i);
  return leave_block(cpu, i);
}

template <auto body>
[[gnu::noinline, gnu::cold]] void leave_with_care(Cpu& cpu, const Instruction* i) {
  return leave<body>(cpu, i);
}

// Near transfers of T bits. Those of 64-bit code go straight to the next block; all others, and
// targets that must be refused, take the way with checks.
template <typename T>
[[gnu::noinline, gnu::cold]] void transfer_with_checks(Cpu& cpu, const Instruction* i, T target) {
  cpu.set_current(i);
  cpu.branch(target);
  return leave_block(cpu, i);
}
template <typename T>
[[gnu::always_inline]] inline void transfer(Cpu& cpu, const Instruction* i, T target) {
  if constexpr (sizeof(T) == 8) {
    if (Cpu::is_canonical(target)) [[likely]] {
      const Block* next = cpu.finish_block_at(i, target);
      if (next == nullptr) [[unlikely]]
        return;
      return next->records()->handler(cpu, next->records());
    }
  }
  return transfer_with_checks<T>(cpu, i, target);
}

}  // namespace orrery::hypervisor::soft
