#include "hypervisor/soft/translate/translator.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <asm/prctl.h>
#include <immintrin.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/decode/instruction_sets.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

// A page that changes again and again costs more to translate than it gains.
constexpr unsigned kMostChanges = 64;
// Less room than the largest block may need.
constexpr std::size_t kLeastRoom = std::size_t{128} << 10;

constexpr std::uint32_t kHostFsgsbase = 1u << 1;  // Linux, arch/x86/include/uapi/asm/hwcap2.h

[[gnu::target("fsgsbase")]] void write_gs_base(std::uint64_t base) {
  _writegsbase_u64(base);
}

}  // namespace

Result<std::unique_ptr<Translator>> Translator::create(Cpu& cpu, const Options& options) {
  ORRERY_TRY(std::unique_ptr<CodeCache> cache, CodeCache::create(options.cache_bytes));
  std::unique_ptr<Translator> translator(new Translator(cpu, options, std::move(cache)));
  ORRERY_TRY(translator->gates_, make_gates(*translator->cache_, translator->layout_,
                                            {&access_helper, &commit_helper, &callout_helper,
                                             &system_helper, &load_x87_helper},
                                            translator.get(), HostRegisters(options.counted)));
  translator->cache_->keep();
  translator->emission_.emplace(translator->layout_, translator->gates_, *translator->cache_,
                                translator->options_);
  return translator;
}

Translator::Translator(Cpu& cpu, const Options& options, std::unique_ptr<CodeCache> cache)
    : cpu_(cpu),
      options_(options),
      cache_(std::move(cache)),
      host_has_avx_(has_instruction_set(ZYDIS_ISA_EXT_AVX, ZYDIS_INSTRUCTION_ENCODING_VEX)),
      slots_(State::kPageSlots),
      known_(kKnown),
      forms_(HostRegisters(options.counted)) {
  const auto offset = [&cpu](const void* part) {
    return static_cast<std::int32_t>(static_cast<const char*>(part) -
                                     reinterpret_cast<const char*>(&cpu));
  };
  layout_.context = reinterpret_cast<std::uint64_t>(&cpu);
  layout_.registers = offset(cpu.registers_);
  layout_.segment_bases = offset(cpu.segment_base_64_);
  layout_.attention = offset(&cpu.attention_);
  layout_.vectors = offset(cpu.state.vectors.data());
  layout_.mxcsr = offset(&cpu.state.mxcsr);
  for (unsigned mode = 0; mode < kAccessModes; ++mode) {
    layout_.tlb[mode] = offset(cpu.tlb_.entries(static_cast<AccessMode>(mode)));
  }
  layout_.state = offset(&cpu.translation_);
  layout_.rflags = offset(&cpu.state.rflags);
  layout_.code_segment = offset(&cpu.state[x86::SegmentRegister::kCs]);
  layout_.stack_segment = offset(&cpu.state[x86::SegmentRegister::kSs]);
  layout_.gs_base = offset(&cpu.state[x86::SegmentRegister::kGs].base);
  layout_.kernel_gs_base = offset(&cpu.state.msrs.kernel_gs_base);
  layout_.lstar = offset(&cpu.state.msrs.lstar);
  layout_.syscall_mask = offset(&cpu.state.msrs.syscall_mask);
  layout_.privilege = offset(&cpu.cpl_);
  layout_.access_mode = offset(&cpu.access_mode_);
  layout_.tlb_entries = offset(&cpu.tlb_entries_);
  layout_.fetch_view = offset(&cpu.fetch_view_);
  layout_.fetch_context = offset(&cpu.fetch_context_);
  if (options.lockstep) {
    options_.chain = false;
    options_.traces = false;
    options_.hot_after = 0;
    lockstep_ = std::make_unique<Lockstep>(cpu);
    cpu.lockstep_ = lockstep_.get();
  }
  cpu.translation_.host_mxcsr = _mm_getcsr();
  cpu.translation_.forget_indirects();
}

Translator::~Translator() = default;

void Translator::enter_thread() {
  const auto base = reinterpret_cast<std::uint64_t>(&cpu_);
  if ((::getauxval(AT_HWCAP2) & kHostFsgsbase) != 0) {
    write_gs_base(base);
  } else {
    ::syscall(SYS_arch_prctl, ARCH_SET_GS, base);
  }
}

// Accesses of mode kChecked are looked at one by one.
bool Translator::can_translate() const {
  // Code of a supervisor's page may rely on being at level 0: the two between are left out.
  return cpu_.code_size_ == CodeSize::k64 && cpu_.access_mode_ != AccessMode::kChecked &&
         (cpu_.cpl_ == 0 || cpu_.cpl_ == 3);
}

// ---- Executing

Translator::Outcome Translator::run() {
  if (lockstep_ != nullptr) return run_in_lockstep();
  const BlockEntry* block = find(cpu_.next_block_rip_);
  if (block == nullptr) return Outcome::kNothing;
  for (;;) {
    const ExitKind kind = execute(block->body);
    if (kind == ExitKind::kFault) return Outcome::kFault;
    if (kind == ExitKind::kInterpret) {
      ++statistics_.interpreted.at(cpu_.translation_.exit_site);
      return Outcome::kInterpret;
    }
    if (kind == ExitKind::kIndirect && !Cpu::is_canonical(cpu_.next_block_rip_)) {
      return undo_transfer();
    }
    // What is known to be cold has no code.
    if (wanted() || cpu_.cold_block() != nullptr) return Outcome::kExecuted;
    block = find(cpu_.next_block_rip_);
    if (block == nullptr) return Outcome::kExecuted;
    if (kind == ExitKind::kLink) link(site_of_exit<LinkSite>());
    if (kind == ExitKind::kIndirect) note_indirect(block->checked);
    if (kind == ExitKind::kStale) renew_entry(site_of_exit<EntrySite>(), *block);
    if (kind == ExitKind::kContinue) ++statistics_.continues;
  }
}

// One block, and the same once more.
Translator::Outcome Translator::run_in_lockstep() {
  const std::uint64_t rip = cpu_.next_block_rip_;
  const BlockEntry* found = find(rip);
  if (found == nullptr) return Outcome::kNothing;
  const BlockEntry block = *found;
  const Page& page = *page_at(rip);
  lockstep_->begin_block();
  const ExitKind kind = execute(block.body);
  if (kind == ExitKind::kIndirect && !Cpu::is_canonical(cpu_.next_block_rip_)) {
    lockstep_->leave_out();
    return undo_transfer();
  }
  return check_block(block, page, kind);
}

Translator::Outcome Translator::check_block(const BlockEntry& block, const Page& page,
                                            ExitKind kind) {
  using End = Lockstep::End;
  const End end = kind == ExitKind::kFault       ? End::kFault
                  : kind == ExitKind::kInterpret ? End::kBefore
                                                 : End::kTransferred;
  if (page.is_current()) {
    lockstep_->check_block(block.instructions, end, fault_ ? &*fault_ : nullptr);
  } else {
    lockstep_->leave_out();  // the code is no longer there
  }
  if (end == End::kFault) return Outcome::kFault;
  if (end != End::kBefore) return Outcome::kExecuted;
  ++statistics_.interpreted.at(cpu_.translation_.exit_site);
  return Outcome::kInterpret;
}

// The transfer faults instead: the interpreter executes it again.
Translator::Outcome Translator::undo_transfer() {
  const auto& site = site_of_exit<IndirectSite>();
  cpu_.gpr(x86::Gpr::kRsp) -= static_cast<std::uint64_t>(std::int64_t{site.stack_distance});
  stand_at(site.rip);
  if (options_.counted) ++cpu_.translation_.countdown;
  return Outcome::kInterpret;
}

bool Translator::wanted() const {
  return cpu_.attention_.load(std::memory_order_relaxed) || cpu_.translation_.countdown < 0;
}

void Translator::set_partial(std::uint32_t instructions) {
  if (options_.counted) cpu_.translation_.partial = instructions;
}

void Translator::settle() {
  cpu_.count_down(std::exchange(cpu_.translation_.partial, 0));
}

ExitKind Translator::execute(std::uint64_t code) {
  State& state = cpu_.translation_;
  note_controls();
  state.flags = image_of(cpu_.flags.bits());
  ++statistics_.entries;
  const auto kind = static_cast<ExitKind>(gates_.enter(code));
  store_x87();
  cpu_.flags.set_bits(flags_of(state.flags));
  stand_at(state.next_rip);
  settle();
  return kind;
}

void Translator::stand_at(std::uint64_t rip) {
  cpu_.next_block_rip_ = rip;
  cpu_.between_blocks();
}

void Translator::link(const LinkSite& site) {
  if (!options_.chain) return;
  const BlockEntry* target = find(cpu_.next_block_rip_);
  if (target == nullptr) return;
  // Within a page the mapping is known to hold; the entry that checks does so for all others.
  if (site.within_page) {
    if (site.page != slots_[page_slot(cpu_.next_block_rip_, cpu_.access_mode_)]) return;
    if (!site.page->is_current()) return;
  }
  ++statistics_.links;
  cache_->link(site.place, site.within_page ? target->body : target->checked);
}

// SITE is what jumps lead to that were linked to a translation of RIP. Where its page has changed
// since, BLOCK is what there is now, and the entry leads on to it. Otherwise it was the moment that
// was wrong, or another page is mapped there just now.
void Translator::renew_entry(const EntrySite& site, const BlockEntry& block) {
  ++statistics_.stale_entries;
  const Page* page = slots_[page_slot(cpu_.next_block_rip_, cpu_.access_mode_)];
  if (site.page != page || site.id == page->id) return;
  ++statistics_.entries_renewed;
  cache_->redirect(site.checked, block.checked);
}

template <typename Site>
const Site& Translator::site_of_exit() const {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a register of host code had it
  return *reinterpret_cast<const Site*>(cpu_.translation_.exit_site);
}

void Translator::note_indirect(std::uint64_t checked) {
  ++statistics_.unknown_indirects;
  if (!options_.chain) return;
  auto& table = cpu_.translation_.indirect[static_cast<unsigned>(cpu_.access_mode_)];
  table[indirect_slot(cpu_.next_block_rip_)] = {cpu_.next_block_rip_, checked};
}

void Translator::clear() {
  const auto begin = std::chrono::steady_clock::now();
  cache_->clear();
  forgotten_.take(std::exchange(pages_, {}), emission_->abandon());
  first_id_ = next_id_;
  ++statistics_.clears;
  std::fill(known_.begin(), known_.end(), Known{});
  std::fill(slots_.begin(), slots_.end(), nullptr);
  for (auto& id : cpu_.translation_.page_ids) id.store(0, std::memory_order_relaxed);
  cpu_.translation_.forget_indirects();
  const auto took = std::chrono::steady_clock::now() - begin;
  statistics_.longest_clear = std::max(statistics_.longest_clear,
                                       std::chrono::duration_cast<std::chrono::microseconds>(took));
}

Translator::HostCode Translator::host_code(std::uint64_t rip) {
  const BlockEntry* block = find(rip);
  if (block == nullptr) return {};
  const auto code_at = [](std::uint64_t address, std::size_t size) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of translated code
    return ByteSpan(reinterpret_cast<const std::byte*>(address), size);
  };
  return {code_at(block->checked, block->size), code_at(block->cold, block->cold_size)};
}

// ---- Translating

bool Translator::translate() {
  if (cache_->room() < kLeastRoom) clear();
  take_finished();
  const std::uint64_t rip = cpu_.next_block_rip_;
  Page* page = page_at(rip);
  if (page == nullptr || page->times_changed > kMostChanges) return false;
  const auto before = page->blocks.find(static_cast<std::uint16_t>(rip % kPageSize));
  if (before != page->blocks.end()) return before->second.body != 0;
  Emission::Job& job = emission_->next();
  if (!read(*page, rip, job)) return false;
  forgotten_.step();
  add_block(*page, rip, {});
  emission_->begin(job);
  take_finished();
  return find(rip) != nullptr;
}

bool Translator::read(Page& page, std::uint64_t rip, Emission::Job& job) {
  decode_items(page, rip);
  if (!page.is_current()) return false;
  if (items_.empty() || items_.front().plan.way == Way::kInterpret) {
    add_block(page, rip, {});
    return false;
  }
  find_liveness(page);
  if (!page.is_current()) return false;
  job.page = &page;
  job.unit.page = page.stamp();
  job.unit.items.swap(items_);
  job.unit.keep_bytes();
  find_bodies(page, job.unit);
  return true;
}

void Translator::take_finished() {
  while (const Emission::Job* job = emission_->finished()) {
    take(*job);
    emission_->release(*job);
  }
}

void Translator::take(const Emission::Job& job) {
  Page& page = *job.page;
  if (page.id != job.unit.page.id || !page.is_current()) {
    ++statistics_.outdated;
    return;
  }
  if (!job.block) {
    // Beside the vCPU, several may have been begun since there was room.
    if (cache_->room() >= kLeastRoom) log::error("{}", job.block.error().message());
    return;
  }
  add_block(page, job.unit.items.front().rip, *job.block);
  ++statistics_.blocks;
  statistics_.instructions += job.unit.items.size();
}

}  // namespace orrery::hypervisor::soft::translate
