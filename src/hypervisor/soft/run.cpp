// A vCPU's run loop: blocks, and between them interrupts, exceptions, steps and stops.
#include <utility>

#include "base/format.hpp"
#include "hypervisor/soft/block_cache.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/interpret/debug.hpp"
#include "hypervisor/soft/interpret/handler.hpp"
#include "hypervisor/soft/interpret/system.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft {
namespace {

// What current_ points to while no instruction is being executed.
constexpr Instruction kBetween{};

Event event_of(const x86::PendingEvent& pending) {
  const bool exception = pending.kind == x86::PendingKind::kException;
  return {exception ? EventKind::kFault : EventKind::kExternal, pending.vector,
          pending.has_error_code, pending.error_code};
}

Event event_of(const Fault& fault) {
  return {EventKind::kFault, static_cast<std::uint8_t>(fault.exception),
          x86::has_error_code(fault.exception), fault.error_code};
}

}  // namespace

void Cpu::between_blocks() {
  registers_[kBlockRipSlot] = next_block_rip_ & code_mask_;
  block_ = nullptr;
  current_ = &kBetween;
}

Exit Cpu::run() {
  if (translator_ != nullptr) translator_->enter_thread();
  running_.store(true);
  if (drops_served_.load() != drops_requested_.load()) serve_write_permission_drops();
  look_up();
  Exit exit = run_until_exit();
  running_.store(false);
  return exit;
}

Exit Cpu::run_until_exit() {
  for (;;) {
    try {
      for (;;) {
        if (std::optional<Exit> exit = run_round()) return *std::move(exit);
      }
    } catch (const Fault& fault) {
      if (std::optional<Exit> exit = on_fault(fault)) return *std::move(exit);
    } catch (const SelfModification&) {
      abandon_block();
      alone_once_ = true;
      look_up();
    }
  }
}

std::optional<Exit> Cpu::run_round() {
  if (translation_.countdown < 0) [[unlikely]] {
    if (std::optional<Exit> exit = look_at_count()) return exit;
  }
  if (attention_.load(std::memory_order_relaxed)) {
    if (debug_ != nullptr) {
      if (const auto hit = debug_->take_hit()) return *hit;
    }
    if (std::optional<Exit> exit = attend()) return exit;
    if (must_go_alone()) return execute_next_instruction();
  }
  using Outcome = translate::Translator::Outcome;
  if (pace_ == Pace::kSingle) return execute_next_instruction();
  const bool translates = translator_ != nullptr && debug_ == nullptr && pace_ == Pace::kAny;
  if (translates) {
    if (Block* cold = cold_block()) return interpret(cold);
  }
  const Outcome outcome = translates ? translator_->run() : Outcome::kInterpret;
  if (outcome == Outcome::kExecuted) return std::nullopt;
  if (outcome == Outcome::kFault) return on_fault(translator_->fault());
  Block* block = next_block();
  if (block == nullptr) return execute_next_instruction();
  if (outcome == Outcome::kNothing && block->heat <= 0) {
    if (block->heat_round != translator_->round()) {
      cool(*block);
    } else if (translator_->translate()) {
      return std::nullopt;
    }
  }
  return interpret(block);
}

std::optional<Exit> Cpu::interpret(Block* block) {
  block->heat -= heat_step_;
  enter(block);
  block->records()->handler(*this, block->records());
  if (const std::optional<Fault> fault = take_returned_fault()) return on_fault(*fault);
  return std::nullopt;
}

bool Cpu::must_go_alone() const {
  constexpr std::uint64_t kStepping = x86::rflags::kTrap | x86::rflags::kResume;
  return alone_once_ || state.interrupt_shadow || (state.rflags & kStepping) != 0 ||
         (state.dr7 & x86::dr7::kEnableMask) != 0 || (debug_ != nullptr && debug_->stepping());
}

// Why a debugger wants no further instruction to be executed.
std::optional<Exit> Cpu::debugger_stop() {
  using Cause = DebugTrap::Cause;
  const std::uint64_t linear = code_linear(next_block_rip_ & code_mask_);
  if (debug_->stepping() && debug_->take_step())
    return DebugTrap{Cause::kStep, GuestLinear(linear)};
  const bool reported = std::exchange(reported_breakpoint_, std::nullopt) == linear;
  if (reported || !debug_->breaks_at(linear)) return std::nullopt;
  reported_breakpoint_ = linear;
  return DebugTrap{Cause::kBreakpoint, GuestLinear(linear)};
}

// Executes exactly one instruction, with what must happen around it: breakpoints, the end of an
// interrupt shadow and of RFLAGS.RF, and traps after it (SDM vol. 3B, 17.3).
std::optional<Exit> Cpu::execute_next_instruction() {
  look_up();  // no chaining, and another look afterwards
  if (debug_ != nullptr) {
    if (std::optional<Exit> stop = debugger_stop()) return stop;
  }
  if (has_instruction_breakpoints(state)) {
    check_instruction_breakpoint(*this, code_linear(next_block_rip_ & code_mask_));
  }
  const bool step = (state.rflags & x86::rflags::kTrap) != 0;
  state.rflags &= ~x86::rflags::kResume;
  state.interrupt_shadow = false;
  alone_once_ = event_delivered_ = false;
  breakpoints_hit_ = 0;
  execute_alone();
  if (const std::optional<Fault> fault = take_returned_fault()) return on_fault(*fault);
  const std::uint64_t traps =
      breakpoints_hit_ | (step && !event_delivered_ ? x86::dr6::kSingleStep : 0);
  if (traps == 0) return std::nullopt;
  return deliver(debug_trap(*this, traps), next_block_rip_ & code_mask_);
}

void Cpu::execute_alone() {
  single_ = true;
  try {
    Block* block = next_instruction();
    enter(block);
    block->records()->handler(*this, block->records());
  } catch (...) {
    single_ = false;
    throw;
  }
  single_ = false;
}

// The block ends before the current instruction, which has changed nothing.
void Cpu::abandon_block() {
  if (block_ != nullptr) {
    count_down(static_cast<std::uint64_t>(current_ - block_->records()));
  }
  next_block_rip_ = rip();
  between_blocks();
}

std::optional<Exit> Cpu::on_fault(const Fault& fault) {
  abandon_block();
  if (fault.exception == x86::Exception::kPageFault) state.cr2 = fault.address;
  if (fault.resumes_at) next_block_rip_ = *fault.resumes_at;
  return deliver(event_of(fault), next_block_rip_);
}

// Enters the guest's handler; a fault on the way becomes the next event, a double fault, or the
// end.
std::optional<Exit> Cpu::deliver(Event event, std::uint64_t return_rip) {
  for (;;) {
    try {
      delivering_ = true;
      if (event.kind == EventKind::kExternal) {
        ++statistics.interrupts;
      } else {
        ++statistics.exceptions;
      }
      deliver_event(*this, event, return_rip);
      delivering_ = false;
      between_blocks();
      return std::nullopt;
    } catch (const Fault& second) {
      delivering_ = false;
      const auto first = static_cast<x86::Exception>(event.vector);
      const bool first_is_exception = event.kind == EventKind::kFault;
      if (first_is_exception && first == x86::Exception::kDoubleFault) {
        state.activity = x86::Activity::kShutdown;
        return TripleFault{format("exception {} (error code {:#x}) while delivering a double fault",
                                  static_cast<unsigned>(second.exception), second.error_code)};
      }
      if (second.exception == x86::Exception::kPageFault) state.cr2 = second.address;
      if (second.resumes_at) return_rip = *second.resumes_at;
      event = first_is_exception && makes_double_fault(first, second.exception)
                  ? Event{EventKind::kFault,
                          static_cast<std::uint8_t>(x86::Exception::kDoubleFault), true, 0}
                  : event_of(second);
    }
  }
}

// Looks at everything that may have happened since attention_ was set.
std::optional<Exit> Cpu::attend() {
  attention_.exchange(false, std::memory_order_acquire);
  if (drops_served_.load() != drops_requested_.load()) serve_write_permission_drops();
  if (stop_requested_.exchange(false)) return Stopped{};
  return attend_to_interrupts();
}

std::optional<Exit> Cpu::attend_to_interrupts() {
  using x86::Activity;
  if (state.activity == Activity::kShutdown)
    return TripleFault{"the processor has shut down before"};
  if (state.activity == Activity::kWaitForSipi) return Halted{};

  if (state.pending_event.kind != x86::PendingKind::kNone) {  // of a restored state
    look_up();
    return deliver(event_of(std::exchange(state.pending_event, {})), next_block_rip_);
  }
  const bool stepping = debug_ != nullptr && debug_->stepping();
  if (stepping && state.activity == Activity::kRunning) {  // they wait
    translation_.interrupt_waits = 1;
    return std::nullopt;
  }
  if (environment.acknowledge_nmi()) state.nmi_pending = true;
  if (state.nmi_pending && !state.nmi_blocked && !state.interrupt_shadow) {
    state.nmi_pending = false;
    state.nmi_blocked = true;
    state.activity = Activity::kRunning;
    return deliver({EventKind::kExternal,
                    static_cast<std::uint8_t>(x86::Exception::kNonMaskableInterrupt), false, 0},
                   next_block_rip_);
  }
  const bool open = (state.rflags & x86::rflags::kInterrupt) != 0 && !state.interrupt_shadow;
  if (open && environment.interrupt_pending()) {
    if (const std::optional<std::uint8_t> vector = environment.acknowledge_interrupt()) {
      state.activity = Activity::kRunning;
      look_up();  // another one may wait behind it
      return deliver({EventKind::kExternal, *vector, false, 0}, next_block_rip_);
    }
  }
  if (state.activity != Activity::kHalted) {
    translation_.interrupt_waits = state.nmi_pending || environment.interrupt_pending() ? 1 : 0;
    return std::nullopt;
  }
  if (stepping && debug_->take_step()) {
    return DebugTrap{DebugTrap::Cause::kStep,
                     GuestLinear(code_linear(next_block_rip_ & code_mask_))};
  }
  return Halted{};
}

void Cpu::request_stop() {
  stop_requested_.store(true);
  attention_.store(true, std::memory_order_release);
}

void Cpu::request_attention() {
  attention_.store(true, std::memory_order_release);
}

}  // namespace orrery::hypervisor::soft
