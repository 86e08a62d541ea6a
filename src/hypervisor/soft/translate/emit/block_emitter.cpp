#include "hypervisor/soft/translate/emit/block_emitter.hpp"

#include "base/format.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/decode/decoder.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

// FXSAVE, XSAVE and the like.
bool saves_all_state(const Decoded& decoded) {
  switch (decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64: return true;
    default:
      return decoded.info.meta.category == ZYDIS_CATEGORY_XSAVE ||
             decoded.info.meta.category == ZYDIS_CATEGORY_XSAVEOPT;
  }
}

// The record behind a callout's instruction: back to the helper, RIP being behind it.
void return_to_helper(Cpu& cpu, const Instruction* i) {
  cpu.fall_through(i[-1]);
}

}  // namespace

BlockEmitter::BlockEmitter(const Layout& layout, const Gates& gates, Sites& sites, const Unit& unit,
                           const Options& options)
    : layout_(layout),
      gates_(gates),
      sites_(sites),
      unit_(unit),
      page_(unit.page),
      chain_(options.chain),
      registers_(options.counted),
      items_(unit.items) {
  code_.init(asmjit::Environment::host());
  code_.attach(&a_);
  code_.newSection(&cold_, ".cold", SIZE_MAX, asmjit::SectionFlags::kExecutable);
  checked_ = a_.newLabel();
  body_ = a_.newLabel();
}

Result<BlockEntry> BlockEmitter::emit(CodeCache& cache) {
  first_rip_ = items_.front().rip;
  emit_checked_entry(items_.front());
  for (std::size_t n = 0; n < items_.size();) {
    const AccessRun run = find_access_run(
        items_.subspan(n), std::max(vectors_known_, items_[n].plan.vectors), registers_);
    if (run.steps.empty()) {
      emit_item(items_[n++]);
    } else {
      emit_run(run);
      n += run.steps.size();
    }
  }
  emit_end(items_.back());
  emit_all(behind_);
  a_.section(cold_);
  is_cold_ = true;
  emit_all(stubs_);
  return place(cache);
}

// One may add others.
void BlockEmitter::emit_all(std::vector<Stub>& stubs) {
  for (std::size_t n = 0; n < stubs.size(); ++n) {
    const Stub stub = std::move(stubs[n]);
    stub();
  }
}

void BlockEmitter::jump_to(std::uint64_t target) {
  a_.embedUInt8(0xe9);  // JMP rel32
  emit_distance_to(target);
}

void BlockEmitter::call_to(std::uint64_t target) {
  a_.embedUInt8(0xe8);  // CALL rel32
  emit_distance_to(target);
}

void BlockEmitter::emit_distance_to(std::uint64_t target) {
  a_.embedUInt32(0);
  const asmjit::Label behind = a_.newLabel();
  a_.bind(behind);
  pending_distances_.push_back({behind, target});
}

void BlockEmitter::emit_checked_entry(const Item& first) {
  const asmjit::Label stale = a_.newLabel();
  const auto slot = static_cast<std::int32_t>(page_.slot() * sizeof(std::uint32_t));
  a_.bind(checked_);
  a_.cmp(context(ORRERY_STATE_FIELD(layout_, page_ids) + slot, 4),
         static_cast<std::int32_t>(page_.id));
  a_.jne(stale);
  a_.cmp(context(layout_.attention, 1), 0);
  a_.jne(stale);
  if (counted()) {
    a_.test(kCounter, kCounter);
    a_.js(stale);
  }
  if (first.live_before != 0) emit_restore_flags();
  a_.bind(body_);
  entry_ = &sites_.entries.emplace_back(EntrySite{page_.page, page_.id, 0});
  later([this, stale, rip = first.rip] {
    a_.bind(stale);
    load_constant(kT0, rip);
    a_.mov(kT1, reinterpret_cast<std::uint64_t>(entry_));
    jump_to(gates_.exit_stale_saved);
  });
}

void BlockEmitter::emit_item(const Item& item) {
  if (item.tail) emit_tail_check(item);
  switch (item.plan.way) {
    case Way::kCopy: return emit_copy(item);
    case Way::kNothing: return;
    case Way::kLoadAddress: return emit_load_address(item);
    case Way::kPush: return emit_push(item);
    case Way::kPop: return emit_pop(item);
    case Way::kLeave: return emit_leave(item);
    case Way::kDivide: return emit_divide(item);
    case Way::kLoadControl: return emit_load_control(item);
    case Way::kJump: return emit_jump(item);
    case Way::kJumpConditional: return emit_conditional_jump(item);
    case Way::kJumpIndirect: return emit_jump_indirect(item);
    case Way::kCall: return emit_call(item);
    case Way::kCallIndirect: return emit_call_indirect(item);
    case Way::kReturn: return emit_return(item);
    case Way::kSystemCall: return emit_system_call(item);
    case Way::kSystemReturn: return emit_system_return(item);
    case Way::kSwapGs: return emit_swap_gs();
    case Way::kClearInterrupt: return emit_clear_interrupt(item);
    case Way::kSetInterrupt: return emit_set_interrupt(item);
    case Way::kClearDirection: return emit_clear_direction(item);
    case Way::kPushFlags: return emit_push_flags(item);
    case Way::kAccessCheck: return emit_access_check(item);
    case Way::kSystem: return emit_system(item);
    case Way::kCallout: return emit_callout(item);
    case Way::kInterpret: return emit_interpret(item);
  }
}

// The page that the instruction ends in is still what it was.
void BlockEmitter::emit_tail_check(const Item& item) {
  free_flags(item.live_before);
  const asmjit::Label stale = a_.newLabel();
  const auto slot = static_cast<std::int32_t>(item.tail->slot() * sizeof(std::uint32_t));
  a_.cmp(context(ORRERY_STATE_FIELD(layout_, page_ids) + slot, 4),
         static_cast<std::int32_t>(item.tail->id));
  a_.jne(stale);
  later([this, &item, stale, before = flags_] {
    a_.bind(stale);
    flags_ = before;
    emit_interpret(item);
  });
}

// The block ends without a transfer of its own where it is long enough, or the next instruction
// crosses into the next page.
void BlockEmitter::emit_end(const Item& last) {
  if (last.plan.ends_block) return;
  emit_transfer(last, last.following(), last.live_after);
}

Callout& BlockEmitter::add_callout(const Item& item) {
  Callout& callout = sites_.callouts.emplace_back(
      Callout{before(item),
              item.rip,
              item.next_rip(),
              page_.page,
              item.decoded.info.mnemonic,
              touches_x87(item.decoded) || saves_all_state(item.decoded),
              {}});
  decode(item.bytes, CodeSize::k64, 0, callout.code[0]);
  callout.code[1].handler = &return_to_helper;
  return callout;
}

void BlockEmitter::emit_callout(const Item& item) {
  restore_flags();
  a_.mov(kT0, reinterpret_cast<std::uint64_t>(&add_callout(item)));
  call_to(gates_.callout);
}

void BlockEmitter::emit_interpret(const Item& item) {
  restore_flags();
  emit_partial(item);
  load_constant(kT0, item.rip);
  a_.mov(kT1.r32(), static_cast<std::uint32_t>(item.decoded.info.mnemonic));
  jump_to(gates_.exit_interpret);
}

Result<BlockEntry> BlockEmitter::place(CodeCache& cache) {
  asmjit::CodeBuffer& text = code_.textSection()->buffer();
  asmjit::CodeBuffer& cold = cold_->buffer();
  const std::optional<CodeCache::Place> reserved = cache.reserve(text.size(), cold.size());
  if (!reserved) return fail("the code cache is full");
  const std::uint64_t base = reserved->hot;
  cold_->setOffset(reserved->cold - base);
  if (const auto error = code_.resolveUnresolvedLinks(); error != asmjit::kErrorOk) {
    return fail(format("cannot assemble a block: {}", asmjit::DebugUtils::errorAsString(error)));
  }
  for (const PendingDistance& pending : pending_distances_) {
    const asmjit::LabelEntry* place = code_.labelEntry(pending.behind);
    const std::uint64_t behind = base + code_.labelOffsetFromBase(pending.behind);
    store_le(place->section()->buffer().data() + place->offset() - sizeof(std::int32_t),
             static_cast<std::int32_t>(pending.target - behind));
  }
  cache.write(base, as_bytes(text.data(), text.size()));
  cache.write(reserved->cold, as_bytes(cold.data(), cold.size()));
  entry_->checked = base + code_.labelOffsetFromBase(checked_);
  for (const PendingLink& pending : pending_links_) {
    pending.site->place =
        base + code_.labelOffsetFromBase(pending.behind_distance) - sizeof(std::int32_t);
  }
  return BlockEntry{base + code_.labelOffsetFromBase(checked_),
                    base + code_.labelOffsetFromBase(body_),
                    static_cast<unsigned>(items_.size()),
                    text.size(),
                    base + cold_->offset(),
                    cold.size()};
}

}  // namespace orrery::hypervisor::soft::translate
