#include "hypervisor/soft/cpu.hpp"

#include "hypervisor/soft/block_cache.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/interpret/debug.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft {

using x86::SegmentRegister;

Cpu::Cpu(VcpuId id, memory::GuestMemory& memory, CodePages& code_pages, Environment& surroundings,
         const PagingOptions& paging)
    : environment(surroundings),
      id_(id),
      memory_(memory),
      code_pages_(code_pages),
      blocks_(std::make_unique<BlockCache>()),
      paging_(paging) {
  set_horizon();
  registers_[kTwoGibSlot] = std::uint64_t{1} << 31;
  code_pages_.add(*this);
  import_state(x86::reset_state());
}

Cpu::~Cpu() {
  code_pages_.remove(*this);
}

Result<> Cpu::use_translator(const translate::Options& options) {
  ORRERY_TRY(translator_, translate::Translator::create(*this, options));
  blocks_ = std::make_unique<BlockCache>(BlockCache::kArenaBytesForHeat);
  heat_step_ = 1;
  return {};
}

// Blocks were decoded without regard to the breakpoints, and the TLB knows pages that are watched.
void Cpu::set_debug(const DebugRequest& request) {
  debug_ = request.empty() ? nullptr : std::make_unique<DebugStops>(request);
  blocks_->clear();
  flush_tlb();
  look_up();
}

VcpuStatistics Cpu::all_statistics() const {
  VcpuStatistics all = statistics;
  all.instructions = counted_down();
  all.counts_instructions = counts_all();
  if (translator_ != nullptr) all.details = translator_->details();
  return all;
}

// The version has been raised. Translated code looks at the ids where it leaves a page, and at
// attention_ in every cycle.
void Cpu::code_changed(GuestPhysical address) {
  if (heat_step_ == 0) return;
  const std::uint32_t place = translate::page_place(address.value());
  for (std::size_t slot = 0; slot < translate::State::kPageSlots; ++slot) {
    if (translation_.page_places[slot].load() == place) translation_.page_ids[slot].store(0);
  }
  attention_.store(true);
}

void Cpu::set_rflags(std::uint64_t value) {
  state.rflags = (value & x86::rflags::kDefined) | x86::rflags::kAlwaysOne;
  flags.set_bits(value);
}

void Cpu::mode_changed() {
  const x86::Segment& code = state[SegmentRegister::kCs];
  const x86::Segment& stack = state[SegmentRegister::kSs];
  cpl_ = static_cast<std::uint8_t>(state.cpl());
  if (state.code_64bit()) {
    code_size_ = CodeSize::k64;
    code_base_ = 0;
    code_mask_ = linear_mask_ = ~std::uint64_t{0};
    stack_address_size_ = 8;
  } else {
    const bool big = code.attributes.is_big() && !state.virtual_8086();
    code_size_ = big ? CodeSize::k32 : CodeSize::k16;
    code_base_ = code.base;
    code_mask_ = linear_mask_ = 0xffff'ffff;
    stack_address_size_ = stack.attributes.is_big() && !state.virtual_8086() ? 4 : 2;
  }
  segment_base_64_[static_cast<unsigned>(SegmentRegister::kFs)] = state[SegmentRegister::kFs].base;
  segment_base_64_[static_cast<unsigned>(SegmentRegister::kGs)] = state[SegmentRegister::kGs].base;

  const bool alignment_bit = (state.rflags & x86::rflags::kAlignmentCheck) != 0;
  if (cpl_ == 3) {
    const bool checked = alignment_bit && (state.cr0 & x86::cr0::kAlignmentMask) != 0;
    access_mode_ = checked ? AccessMode::kChecked : AccessMode::kUser;
  } else {
    const bool prevented = (state.cr4 & x86::cr4::kSupervisorAccessPrevention) != 0;
    access_mode_ =
        prevented && !alignment_bit ? AccessMode::kSupervisor : AccessMode::kSupervisorUser;
  }
  tlb_entries_ = tlb_.entries(access_mode_);
  note_paging_controls();
  if (data_breakpoints_ != has_data_breakpoints(state)) {
    data_breakpoints_ = !data_breakpoints_;
    flush_tlb();
  }
  // Interrupts may be possible now, or a step or breakpoint due: the run loop finds out.
  constexpr std::uint64_t kOfConcern =
      x86::rflags::kInterrupt | x86::rflags::kTrap | x86::rflags::kResume;
  if ((state.rflags & kOfConcern) != 0 || (state.dr7 & x86::dr7::kEnableMask) != 0) look_up();
}

void Cpu::note_paging_controls() {
  const std::uint64_t controls =
      (state.cr0 & (x86::cr0::kPaging | x86::cr0::kWriteProtect)) |
      (state.cr4 &
       (x86::cr4::kPageSizeExtensions | x86::cr4::kPhysicalAddressExtension |
        x86::cr4::kSupervisorExecutionPrevention | x86::cr4::kSupervisorAccessPrevention))
          << 32 |
      (state.efer & (x86::efer::kNoExecute | x86::efer::kLongModeActive)) << 1;
  if (controls != paging_controls_) {
    paging_controls_ = controls;
    flush_tlb();
  }
  // Which code a linear address means also depends on privilege, code size and CS base. The first
  // two are part of the context, so that what was found in the kernel is still good after a visit
  // to user mode.
  const std::uint64_t view = static_cast<std::uint64_t>(code_size_) << 1 | (cpl_ == 3 ? 1 : 0);
  fetch_view_ = view;
  if (code_base_ != fetch_base_) {
    fetch_base_ = code_base_;
    generations_.fetch = new_generation();
  }
  set_fetch_context();
}

void Cpu::branch_with_checks(std::uint64_t target) {
  target &= code_mask_;
  if (code_size_ == CodeSize::k64) {
    if (!is_canonical(target)) raise(x86::Exception::kGeneralProtection, 0);
  } else if (target > state[SegmentRegister::kCs].limit) {
    raise(x86::Exception::kGeneralProtection, 0);
  }
  next_block_rip_ = target;
}

void Cpu::raise_non_canonical(SegmentRegister segment) {
  raise(segment == SegmentRegister::kSs ? x86::Exception::kStackFault
                                        : x86::Exception::kGeneralProtection,
        0);
}

std::uint64_t Cpu::segment_linear(SegmentRegister name, std::uint64_t offset, unsigned size,
                                  Access access) {
  if (code_size_ == CodeSize::k64) {
    const std::uint64_t linear = segment_base_64_[static_cast<unsigned>(name)] + offset;
    if (!is_canonical(linear) || !is_canonical(linear + size - 1)) raise_non_canonical(name);
    return linear;
  }
  const x86::Segment& segment = state[name];
  if (!segment_allows(segment, offset, size, access)) raise_non_canonical(name);
  return (segment.base + offset) & linear_mask_;
}

// Segment checks of SDM vol. 3A, 5.3 to 5.5, which all end in #GP(0), or #SS(0) for the stack
// segment.
bool Cpu::segment_allows(const x86::Segment& segment, std::uint64_t offset, unsigned size,
                         Access access) const {
  const x86::SegmentAttributes attributes = segment.attributes;
  if (state.protected_mode() && !state.virtual_8086()) {
    if (!attributes.is_present()) return false;
    if (access == Access::kWrite ? !attributes.is_writable() : !attributes.is_readable()) {
      return access == Access::kExecute;
    }
  }
  const std::uint64_t last = offset + size - 1;
  if (attributes.is_expand_down()) {
    const std::uint64_t top = attributes.is_big() ? 0xffff'ffffu : 0xffffu;
    return offset > segment.limit && last <= top;
  }
  return last <= segment.limit;
}

std::uint64_t Cpu::stack_linear(std::uint64_t top, unsigned size, Access access) {
  const std::uint64_t offset = stack_address_size_ == 8   ? top
                               : stack_address_size_ == 4 ? top & 0xffff'ffff
                                                          : top & 0xffff;
  return segment_linear(SegmentRegister::kSs, offset, size, access);
}

std::uint64_t Cpu::checked_linear(const Instruction& i, std::uint64_t extra, unsigned size,
                                  Access access) {
  return operand_linear(i, extra, size, access);
}

void Cpu::halt() {
  state.activity = x86::Activity::kHalted;
  look_up();
}

x86::CpuState Cpu::export_state() const {
  x86::CpuState result = state;
  std::memcpy(result.gpr.data(), registers_, sizeof result.gpr);
  result.rip = next_block_rip_ & code_mask_;
  result.rflags = rflags();
  return result;
}

void Cpu::import_state(const x86::CpuState& imported) {
  state = imported;
  std::memcpy(registers_, imported.gpr.data(), sizeof imported.gpr);
  set_rflags(imported.rflags);
  if (imported.rip != next_block_rip_) reported_breakpoint_.reset();
  next_block_rip_ = imported.rip;
  block_ = nullptr;
  between_blocks();
  flush_tlb();
  mode_changed();
  look_up();
}

}  // namespace orrery::hypervisor::soft
