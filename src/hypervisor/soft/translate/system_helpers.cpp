// System instructions that the interpreter executes on behalf of translated code, and what those
// that it executes itself rely on.
#include <cstring>

#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/interpret/system/transfer/fast_calls.hpp"
#include "hypervisor/soft/translate/plan/system_plan.hpp"
#include "hypervisor/soft/translate/translator.hpp"
#include "x86/cpuid_features.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

std::uint64_t first_half(const x86::Segment& segment) {
  std::uint64_t half = 0;
  std::memcpy(&half, &segment, sizeof half);
  return half;
}

constexpr std::uint32_t distance_of_indirects(AccessMode mode) {
  return static_cast<std::uint32_t>(static_cast<std::size_t>(mode) * State::kIndirects *
                                    sizeof(State::Indirect));
}

}  // namespace

Plan Translator::plan_in(const Page& page, const Plan& plan) const {
  const bool has_access_checks = x86::has_feature(cpu_.cpuid, x86::cpuid::kSmap);
  return is_open_in(plan.way, page.mode, has_access_checks) ? plan : plan_for_system(Way::kSystem);
}

// What code relies on besides its page.
void Translator::note_controls() {
  State& state = cpu_.translation_;
  // Vectors are used natively where no instruction over them can raise an exception.
  const bool sse = (cpu_.state.cr0 & (x86::cr0::kEmulation | x86::cr0::kTaskSwitched)) == 0 &&
                   (cpu_.state.cr4 & x86::cr4::kFxsave) != 0;
  constexpr std::uint32_t kAllMasked = 0x1f80;  // MXCSR bits 12..7
  constexpr std::uint64_t kAvxState = x86::xcr0::kSse | x86::xcr0::kAvx;
  const bool avx = host_has_avx_ && (cpu_.state.cr4 & x86::cr4::kXsave) != 0 &&
                   (cpu_.state.xcr0 & kAvxState) == kAvxState;
  const bool allowed = sse && (cpu_.state.mxcsr & kAllMasked) == kAllMasked;
  state.vectors_allowed = !allowed ? Vectors::kNone : avx ? Vectors::kAvx : Vectors::kSse;

  const x86::Msrs& msrs = cpu_.state.msrs;
  const Controls controls{msrs.star, msrs.lstar, msrs.syscall_mask, cpu_.state.efer,
                          cpu_.state.cr4};
  if (controls == controls_) return;
  controls_ = controls;
  note_rings();
}

void Translator::note_rings() {
  namespace rflags = x86::rflags;
  State& state = cpu_.translation_;
  const auto ring = [this](const FlatSegments& segments, AccessMode mode) {
    return State::Ring{first_half(segments.code), first_half(segments.stack),
                       reinterpret_cast<std::uint64_t>(cpu_.tlb_.entries(mode)),
                       distance_of_indirects(mode), mode};
  };
  const bool prevented = (controls_.cr4 & x86::cr4::kSupervisorAccessPrevention) != 0;
  state.kernel = ring(system_call_segments(controls_.star),
                      prevented ? AccessMode::kSupervisor : AccessMode::kSupervisorUser);
  state.user = ring(system_return_segments(controls_.star, CodeSize::k64), AccessMode::kUser);

  // With these masked, nothing is due at the entry, and accesses are those of the kernel's ring.
  constexpr std::uint64_t kMasked = rflags::kInterrupt | rflags::kTrap | rflags::kAlignmentCheck;
  const bool enabled = (controls_.efer & x86::efer::kSystemCall) != 0;
  state.calls_are_plain =
      enabled && (controls_.syscall_mask & kMasked) == kMasked && Cpu::is_canonical(controls_.lstar)
          ? 1
          : 0;
  state.returns_are_plain = enabled ? 1 : 0;
}

Continuation Translator::system_helper(Translator* translator, const Callout* callout) {
  return translator->system(*callout);
}

Continuation Translator::system(const Callout& site) {
  State& state = cpu_.translation_;
  ++statistics_.systems[site.mnemonic];
  store_x87();
  stand_at(site.rip);
  set_partial(site.before);
  if (lockstep_ != nullptr) {
    state.next_rip = site.rip;
    state.exit_site = site.mnemonic;
    return {0, static_cast<std::uint64_t>(ExitKind::kInterpret)};
  }
  cpu_.flags.set_bits(flags_of(state.flags));
  const bool executed = execute_record(site);
  state.flags = image_of(cpu_.flags.bits());
  if (!executed) return {0, static_cast<std::uint64_t>(ExitKind::kFault)};
  set_partial(site.before + 1);
  settle();
  note_controls();
  return go_on();
}

// At RIP, if there is translated code and no reason to look around first.
Continuation Translator::go_on() {
  constexpr Continuation kLeave{0, static_cast<std::uint64_t>(ExitKind::kContinue)};
  cpu_.translation_.next_rip = cpu_.next_block_rip_;
  if (wanted()) return kLeave;
  try {
    const BlockEntry* block = find(cpu_.next_block_rip_);
    return block == nullptr ? kLeave : Continuation{block->body, 0};
  } catch (const Fault&) {
    return kLeave;  // run() comes to the same fault, which is the next instruction's
  }
}

}  // namespace orrery::hypervisor::soft::translate
