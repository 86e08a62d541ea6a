// What translated code asks of the engine while it runs: memory accesses that the inline check
// leaves aside, and instructions that the interpreter executes. Faults do not pass through
// translated code: they are kept, and the code is left.
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/translate/host_x87.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

constexpr Access access_of(AccessKind kind) {
  return kind == AccessKind::kRead ? Access::kRead : Access::kWrite;
}

}  // namespace

AccessAnswer Translator::access_helper(Translator* translator, const AccessSite* site,
                                       std::uint64_t linear) {
  translator->set_partial(site->before);
  const AccessAnswer answer = translator->access(*site, linear);
  if (answer.pointer != 0) translator->set_partial(0);
  return answer;
}

std::uint32_t Translator::callout_helper(Translator* translator, const Callout* site) {
  return static_cast<std::uint32_t>(translator->callout(*site));
}

// Page faults of plain accesses, which a kernel lives on, do not throw.
AccessAnswer Translator::access(const AccessSite& site, std::uint64_t linear) {
  ++statistics_.slow_accesses;
  stand_at(site.rip);
  try {
    if (!Cpu::is_canonical(linear) || !Cpu::is_canonical(linear + site.size - 1)) {
      cpu_.raise_non_canonical(site.stack ? x86::SegmentRegister::kSs : x86::SegmentRegister::kDs);
    }
    if (site.aligned && linear % site.size != 0) cpu_.raise(x86::Exception::kGeneralProtection, 0);
    if (lockstep_ != nullptr) return guarded_access(site, linear);
    const auto direct = cpu_.try_host_address(linear, site.size, access_of(site.kind));
    if (!direct) return refuse_access(site, direct.error());
    if (*direct != nullptr) return {reinterpret_cast<std::uint64_t>(*direct), 0};
    return guarded_access(site, linear);
  } catch (const Fault& fault) {
    return refuse_access(site, fault);
  }
}

AccessAnswer Translator::refuse_access(const AccessSite& site, const Fault& fault) {
  fault_ = fault;
  State& state = cpu_.translation_;
  state.next_rip = site.rip;
  if (site.flags_saved) state.flags = state.saved_flags;
  return {0, 0};
}

// Device memory, accesses that cross a page, and pages whose writes are watched.
AccessAnswer Translator::guarded_access(const AccessSite& site, std::uint64_t linear) {
  std::byte* bounce = cpu_.translation_.bounce.data();
  pending_address_ = linear;
  pending_place_.reset();
  if (site.kind == AccessKind::kRead) {
    cpu_.read_slow(linear, bounce, site.size, cpu_.access_mode_);
    return {reinterpret_cast<std::uint64_t>(bounce), 0};
  }
  cpu_.probe_write(linear, site.size);
  pending_place_ = cpu_.guarded_place(linear, site.size);
  if (pending_place_) return {reinterpret_cast<std::uint64_t>(pending_place_->host), 1};
  if (site.kind == AccessKind::kReadWrite) {
    // It may be a locked instruction. Until commit_helper(), which always follows.
    split_lock_ = cpu_.hold_split_lock(true, linear, site.size);
    cpu_.read_slow(linear, bounce, site.size, cpu_.access_mode_);
  }
  return {reinterpret_cast<std::uint64_t>(bounce), 1};
}

// The access was allowed when it was prepared, so nothing here faults.
std::uint32_t Translator::commit_helper(Translator* translator, const AccessSite* site) {
  Cpu& cpu = translator->cpu_;
  translator->stand_at(site->rip);
  translator->set_partial(site->before);
  if (translator->pending_place_) {
    cpu.note_guarded_write(*translator->pending_place_, site->size);
  } else {
    cpu.write_slow(translator->pending_address_, cpu.translation_.bounce.data(), site->size,
                   cpu.access_mode_);
    translator->split_lock_ = {};
  }
  const std::uint64_t next = site->calls_scratch ? cpu.translation_.scratch : site->next_rip;
  const ExitKind kind = translator->stay_on(*site->page, next);
  translator->set_partial(kind == ExitKind::kNone ? 0 : site->before + 1);
  if (kind != ExitKind::kNone && site->flags_saved_after) {
    cpu.translation_.flags = cpu.translation_.saved_flags;
  }
  return static_cast<std::uint32_t>(kind);
}

std::uint32_t Translator::load_x87_helper(Translator* translator, const X87Site* site) {
  State& state = translator->cpu_.translation_;
  if (may_use_host_x87(translator->cpu_.state)) {
    load_host_x87(translator->cpu_.state.x87);
    state.x87_loaded = 1;
    return static_cast<std::uint32_t>(ExitKind::kNone);
  }
  if (site->flags_saved) state.flags = state.saved_flags;
  translator->set_partial(site->before);
  state.next_rip = site->rip;
  state.exit_site = site->mnemonic;
  return static_cast<std::uint32_t>(ExitKind::kInterpret);
}

// The interpreter's again.
void Translator::store_x87() {
  if (cpu_.translation_.x87_loaded == 0) return;
  cpu_.translation_.x87_loaded = 0;
  store_host_x87(cpu_.state.x87);
}

// C++ leaves the host's x87 unit alone, so that it may stay loaded while the interpreter executes
// what does not look at it.
ExitKind Translator::callout(const Callout& site) {
  const bool reload = (site.uses_x87 || lockstep_ != nullptr) && cpu_.translation_.x87_loaded != 0;
  if (reload) store_x87();
  const ExitKind kind = execute_callout(site);
  if (reload && kind == ExitKind::kNone) {
    load_host_x87(cpu_.state.x87);
    cpu_.translation_.x87_loaded = 1;
  }
  return kind;
}

ExitKind Translator::execute_callout(const Callout& site) {
  State& state = cpu_.translation_;
  ++statistics_.callouts[site.mnemonic];
  stand_at(site.rip);
  set_partial(site.before);
  cpu_.flags.set_bits(flags_of(state.flags));
  if (lockstep_ != nullptr) lockstep_->begin_callout();
  ExitKind kind = ExitKind::kFault;
  if (execute_record(site)) {
    // A string instruction that was interrupted has left RIP where it was.
    const bool done = cpu_.next_block_rip_ == site.next_rip;
    kind = done ? stay_on(*site.page, site.next_rip) : leave_to(site.rip);
    set_partial(kind == ExitKind::kNone ? 0 : site.before + (done ? 1 : 0));
  }
  state.flags = image_of(cpu_.flags.bits());
  if (lockstep_ != nullptr) lockstep_->end_callout(kind == ExitKind::kFault);
  return kind;
}

// False: it faulted, which is kept.
bool Translator::execute_record(const Callout& site) {
  std::optional<Fault> fault;
  try {
    site.code[0].handler(cpu_, site.code);
    fault = cpu_.take_returned_fault();
  } catch (const Fault& thrown) {
    fault = thrown;
  }
  if (!fault) return true;
  fault_ = fault;
  cpu_.translation_.next_rip = site.rip;
  return false;
}

// Code that has been changed must not go on.
ExitKind Translator::stay_on(const Page& page, std::uint64_t next_rip) {
  return page.is_current() ? ExitKind::kNone : leave_to(next_rip);
}

ExitKind Translator::leave_to(std::uint64_t rip) {
  if (lockstep_ != nullptr) lockstep_->note_left_early();
  cpu_.translation_.next_rip = rip;
  return ExitKind::kContinue;
}

}  // namespace orrery::hypervisor::soft::translate
