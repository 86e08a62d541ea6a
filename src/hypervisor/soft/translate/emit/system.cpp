// System instructions: what a kernel executes at every entry and exit, without leaving translated
// code.
#include <bit>

#include "hypervisor/soft/translate/emit/block_emitter.hpp"
#include "x86/flags.hpp"
#include "x86/segment.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

namespace rflags = x86::rflags;

// In the second byte of RFLAGS.
constexpr std::uint32_t kInterruptInByte = rflags::kInterrupt >> 8;
constexpr std::uint32_t kDirectionInByte = rflags::kDirection >> 8;
// In the third byte.
constexpr std::uint32_t kAlignmentCheckInByte = rflags::kAlignmentCheck >> 16;
// What SYSRET loads (SDM vol. 2B), and of that what changes nothing but flags.
constexpr std::uint32_t kReturned = 0x003c'7fd7;
constexpr std::uint32_t kHarmless =
    static_cast<std::uint32_t>(rflags::kArithmetic | rflags::kAlwaysOne | rflags::kInterrupt |
                               rflags::kDirection | rflags::kId);

constexpr std::int32_t kBase = offsetof(x86::Segment, base);
static_assert(kBase == 8 && sizeof(x86::Segment) == 16);

}  // namespace

void BlockEmitter::emit_system(const Item& item) {
  restore_flags();
  a_.mov(kT0, reinterpret_cast<std::uint64_t>(&add_callout(item)));
  jump_to(gates_.system);
}

asmjit::Label BlockEmitter::system_stub(const Item& item) {
  const asmjit::Label label = a_.newLabel();
  later([this, &item, label, before = flags_] {
    a_.bind(label);
    flags_ = before;
    emit_system(item);
  });
  return label;
}

// kT0 = RFLAGS, whose arithmetic flags are in State::saved_flags.
void BlockEmitter::emit_guest_rflags() {
  const std::int32_t saved = ORRERY_STATE_FIELD(layout_, saved_flags);
  a_.movzx(kT0.r32(), context(saved + 1, 1));
  a_.and_(kT0.r32(), 0xd5);
  a_.movzx(kT1.r32(), context(saved, 1));
  a_.shl(kT1.r32(), std::countr_zero(rflags::kOverflow));
  a_.or_(kT0.r32(), kT1.r32());
  a_.mov(kT1.r32(), context(layout_.rflags, 4));
  a_.and_(kT1.r32(), static_cast<std::int32_t>(~kAllFlags));
  a_.or_(kT0.r32(), kT1.r32());
}

// RFLAGS = VALUE.
void BlockEmitter::emit_set_guest_rflags(const x::Gpq& value, const x::Gpq& temporary) {
  a_.mov(context(layout_.rflags), value);
  a_.mov(temporary.r32(), value.r32());
  a_.shl(temporary.r32(), 8);
  a_.and_(temporary.r32(), 0xd500);
  a_.shr(value.r32(), std::countr_zero(rflags::kOverflow));
  a_.and_(value.r32(), 1);
  a_.or_(temporary.r32(), value.r32());
  a_.mov(context(ORRERY_STATE_FIELD(layout_, saved_flags), 2), temporary.r16());
}

void BlockEmitter::emit_enter_ring(const Item& item, RingName name) {
  const bool user = name == RingName::kUser;
  const std::int32_t ring =
      user ? ORRERY_STATE_FIELD(layout_, user) : ORRERY_STATE_FIELD(layout_, kernel);
  const auto field = [ring](std::size_t offset) {
    return ring + static_cast<std::int32_t>(offset);
  };
  const auto copy = [this](std::int32_t to, std::int32_t from) {
    a_.mov(kT1, context(from));
    a_.mov(context(to), kT1);
  };
  copy(layout_.code_segment, field(offsetof(State::Ring, code)));
  a_.mov(context(layout_.code_segment + kBase), 0);
  copy(layout_.stack_segment, field(offsetof(State::Ring, stack)));
  a_.mov(context(layout_.stack_segment + kBase), 0);
  copy(layout_.tlb_entries, field(offsetof(State::Ring, tlb)));
  a_.mov(kT1.r8(), context(field(offsetof(State::Ring, mode)), 1));
  a_.mov(context(layout_.access_mode, 1), kT1.r8());
  a_.mov(context(layout_.privilege, 1), user ? 3 : 0);
  // Bit 0 of a fetch view says that the code is a user's (Cpu::note_paging_controls()).
  for (const std::int32_t view : {layout_.fetch_view, layout_.fetch_context}) {
    if (user) {
      a_.or_(context(view), 1);
    } else {
      a_.and_(context(view), -2);
    }
  }
  emit_look_up_indirect(item, 0, 0, [this, indirects = field(offsetof(State::Ring, indirects))] {
    a_.add(kT1.r32(), context(indirects, 4));
  });
}

void BlockEmitter::emit_system_call(const Item& item) {
  if (flags_ == FlagState::kHost) emit_save_flags();
  flags_ = FlagState::kSaved;
  const asmjit::Label care = system_stub(item);
  a_.cmp(context(ORRERY_STATE_FIELD(layout_, calls_are_plain), 1), 0);
  a_.je(care);
  emit_guest_rflags();
  a_.mov(context(layout_.gpr(static_cast<unsigned>(x86::Gpr::kR11))), kT0);
  a_.mov(kT1.r32(), context(layout_.syscall_mask, 4));
  a_.not_(kT1.r32());
  a_.and_(kT0.r32(), kT1.r32());
  a_.or_(kT0.r32(), static_cast<std::int32_t>(rflags::kAlwaysOne));
  emit_set_guest_rflags(kT0, kT1);
  load_constant(x::rcx, item.next_rip());
  a_.mov(kT0, context(layout_.lstar));
  emit_enter_ring(item, RingName::kKernel);
}

// Its flags come from R11: those of before matter only where it is left to the interpreter.
void BlockEmitter::emit_system_return(const Item& item) {
  free_flags(item.live_before);
  const asmjit::Label care = system_stub(item);
  a_.mov(kT0, x::rcx);
  a_.shl(kT0, 16);
  a_.sar(kT0, 16);
  a_.cmp(kT0, x::rcx);  // canonical?
  a_.jne(care);
  a_.cmp(context(ORRERY_STATE_FIELD(layout_, returns_are_plain), 1), 0);
  a_.je(care);
  a_.cmp(context(ORRERY_STATE_FIELD(layout_, interrupt_waits), 1), 0);
  a_.jne(care);
  a_.mov(kT0, context(layout_.gpr(static_cast<unsigned>(x86::Gpr::kR11))));
  a_.test(kT0.r32(), kReturned & ~kHarmless);
  a_.jnz(care);
  a_.and_(kT0.r32(), kReturned);
  a_.or_(kT0.r32(), static_cast<std::int32_t>(rflags::kAlwaysOne));
  emit_set_guest_rflags(kT0, kT1);
  a_.mov(kT0, x::rcx);
  emit_enter_ring(item, RingName::kUser);
}

void BlockEmitter::emit_swap_gs() {
  a_.mov(kT0, context(layout_.gs_base));
  a_.mov(kT1, context(layout_.kernel_gs_base));
  a_.mov(context(layout_.kernel_gs_base), kT0);
  a_.mov(context(layout_.gs_base), kT1);
  const auto number = static_cast<std::int32_t>(x86::SegmentRegister::kGs);
  a_.mov(context(layout_.segment_bases + number * 8), kT1);
}

void BlockEmitter::emit_clear_interrupt(const Item& item) {
  free_flags(item.live_before);
  a_.and_(context(layout_.rflags + 1, 1), static_cast<std::int32_t>(0xff & ~kInterruptInByte));
}

void BlockEmitter::emit_clear_direction(const Item& item) {
  free_flags(item.live_before);
  a_.and_(context(layout_.rflags + 1, 1), static_cast<std::int32_t>(0xff & ~kDirectionInByte));
}

// No interrupt is taken before the next instruction has been executed: that stands in the same
// block, and there is no look at the vCPU's attention between the two.
void BlockEmitter::emit_set_interrupt(const Item& item) {
  free_flags(item.live_before);
  const asmjit::Label care = system_stub(item);
  a_.cmp(context(ORRERY_STATE_FIELD(layout_, interrupt_waits), 1), 0);
  a_.jne(care);
  a_.or_(context(layout_.rflags + 1, 1), kInterruptInByte);
}

void BlockEmitter::emit_push_flags(const Item& item) {
  if (flags_ == FlagState::kHost) emit_save_flags();
  flags_ = FlagState::kSaved;
  emit_guest_rflags();
  a_.and_(kT0.r32(), static_cast<std::int32_t>(~(rflags::kVirtual8086 | rflags::kResume)));
  a_.mov(context(ORRERY_STATE_FIELD(layout_, scratch)), kT0);
  emit_push_value(item, [this] {
    a_.mov(kT1, context(ORRERY_STATE_FIELD(layout_, scratch)));
    a_.mov(x::qword_ptr(kT0), kT1);
  });
}

// Code for the other access mode is another page's, also where it is the same code.
void BlockEmitter::emit_access_check(const Item& item) {
  const bool allows = item.decoded.info.mnemonic == ZYDIS_MNEMONIC_STAC;
  free_flags(item.live_before);
  const asmjit::Label care = system_stub(item);
  a_.cmp(context(ORRERY_STATE_FIELD(layout_, kernel) +
                     static_cast<std::int32_t>(offsetof(State::Ring, mode)),
                 1),
         static_cast<std::int32_t>(AccessMode::kSupervisor));
  a_.jne(care);  // the mode does not depend on RFLAGS.AC
  if (allows) {
    a_.or_(context(layout_.rflags + 2, 1), kAlignmentCheckInByte);
  } else {
    a_.and_(context(layout_.rflags + 2, 1),
            static_cast<std::int32_t>(0xff & ~kAlignmentCheckInByte));
  }
  const AccessMode mode = allows ? AccessMode::kSupervisorUser : AccessMode::kSupervisor;
  if (mode == page_.mode) return emit_transfer(item, item.next_rip(), item.live_after);
  a_.mov(context(layout_.access_mode, 1), static_cast<std::int32_t>(mode));
  a_.mov(kT0, layout_.context + static_cast<std::uint64_t>(
                                    std::int64_t{layout_.tlb[static_cast<unsigned>(mode)]}));
  a_.mov(context(layout_.tlb_entries), kT0);
  emit_count(item, HostFlags::kFree);
  emit_checked_jump(item.next_rip());
}

}  // namespace orrery::hypervisor::soft::translate
