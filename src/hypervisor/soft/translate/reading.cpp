// What the translator makes of a block's bytes before it emits code: instructions, and where the
// flags that they write are needed.
#include <algorithm>

#include "base/bits.hpp"
#include "hypervisor/soft/block_cache.hpp"
#include "hypervisor/soft/code_pages.hpp"
#include "hypervisor/soft/cpu.hpp"
#include "hypervisor/soft/translate/plan/system_plan.hpp"
#include "hypervisor/soft/translate/translator.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

bool may_fault(const Plan& plan) {
  return plan.memory_operand >= 0 || plan.way == Way::kPush || plan.way == Way::kPop ||
         plan.way == Way::kLeave || plan.way == Way::kCall || plan.way == Way::kDivide ||
         plan.way == Way::kSystemReturn || plan.vectors != Vectors::kNone || plan.x87;
}

bool is_direct_transfer(const Plan& plan) {
  return plan.way == Way::kJump || plan.way == Way::kCall || plan.way == Way::kJumpConditional;
}

}  // namespace

// Up to MOST instructions' bytes at RIP, within the page, watched from now on.
ByteSpan Translator::bytes_at(const Page& page, std::uint64_t rip, unsigned most) {
  constexpr unsigned kLongestInstruction = 15;
  const auto offset = static_cast<unsigned>(rip % kPageSize);
  const unsigned size =
      std::min(static_cast<unsigned>(kPageSize) - offset, most * kLongestInstruction);
  cpu_.code_pages_.begin_decode(page.physical + offset, size, cpu_);
  return {cpu_.memory_.host_page(page.physical) + offset, size};
}

// Into items_.
void Translator::decode_items(Page& page, std::uint64_t rip) {
  items_.clear();
  ByteSpan bytes = bytes_at(page, rip, options_.most_instructions);
  while (items_.size() < options_.most_instructions && !bytes.empty()) {
    Item& item = items_.emplace_back();
    const DecodeStatus status = forms_.read(bytes, item.decoded, item.plan);
    item.rip = rip;
    if (status == DecodeStatus::kDecoded) {
      item.bytes = bytes.first(item.decoded.info.length);
      item.plan = plan_in(page, item.plan);
    } else if (status != DecodeStatus::kTruncated || !decode_crossing(page, bytes, item)) {
      // Nothing that can be decoded.
      item.plan.ends_block = true;
      item.plan.flags_read = kAllFlags;
    }
    item.is_followed = is_followed(page, item);
    if (item.is_followed && item.plan.way == Way::kJump) item.plan = Plan{.way = Way::kNothing};
    if (item.plan.ends_block || item.tail) break;
    rip = item.following();
    bytes = item.is_followed ? bytes_at(page, rip, options_.most_instructions)
                             : bytes.subspan(item.decoded.info.length);
  }
  // What follows STI must follow without a look at interrupts.
  if (!items_.empty() && items_.back().plan.way == Way::kSetInterrupt) {
    items_.back().plan = plan_for_system(Way::kSystem);
  }
}

// The block goes on where ITEM, its last so far, jumps to: forwards in its page, so that it ends,
// and that no cycle goes without a look at the vCPU's attention; if there is a condition, where it
// is mostly true.
bool Translator::is_followed(const Page& page, const Item& item) {
  const bool conditional = item.plan.way == Way::kJumpConditional;
  if (item.plan.way != Way::kJump && !conditional) return false;
  if (item.tail || item.target() <= item.rip || !page.contains(item.target()) ||
      items_.size() >= options_.most_instructions) {
    return false;
  }
  return !conditional || (options_.traces && leads_mostly_to(page, item.target()));
}

// By what the interpreter has seen while the block became hot: nearly as often, it went to TARGET,
// which has no code yet.
bool Translator::leads_mostly_to(const Page& page, std::uint64_t target) {
  if (page.blocks.contains(static_cast<std::uint16_t>(target % kPageSize))) return false;
  const Block* block = cpu_.blocks_->last_jump_target(target);
  return block != nullptr && block->linear == target && block->heat_round == round() &&
         block->heat <= options_.hot_after / 4;
}

// The instruction at ITEM's RIP begins with the last bytes of PAGE, HEAD, and ends in the next one.
bool Translator::decode_crossing(const Page& page, ByteSpan head, Item& item) {
  const Page* tail = nullptr;
  try {
    tail = page_at(page.linear + kPageSize);
  } catch (const Fault&) {  // of the fetch, which the interpreter comes to
  }
  if (tail == nullptr) return false;
  const ByteSpan rest = bytes_at(*tail, tail->linear, 1);
  std::copy(head.begin(), head.end(), crossing_.begin());
  std::copy(rest.begin(), rest.end(), crossing_.begin() + static_cast<std::ptrdiff_t>(head.size()));
  const ByteSpan bytes(crossing_.data(), head.size() + rest.size());
  if (!tail->is_current() ||
      forms_.read(bytes, item.decoded, item.plan) != DecodeStatus::kDecoded) {
    return false;
  }
  item.bytes = bytes.first(item.decoded.info.length);
  item.plan = plan_in(page, item.plan);
  item.tail = tail->stamp();
  return true;
}

void Translator::find_bodies(const Page& page, Unit& unit) {
  unit.bodies.clear();
  const auto note = [&page, &unit](std::uint64_t rip) {
    if (!page.contains(rip)) return;
    const auto block = page.blocks.find(static_cast<std::uint16_t>(rip % kPageSize));
    if (block == page.blocks.end() || block->second.body == 0) return;
    unit.bodies.push_back({rip, block->second.body});
  };
  for (const Item& item : unit.items) {
    if (is_direct_transfer(item.plan)) note(item.exit());
  }
  note(unit.items.back().following());
}

void Translator::find_liveness(Page& page) {
  FlagSet live = kAllFlags;
  const Plan& last = items_.back().plan;
  if (!last.ends_block || last.way == Way::kAccessCheck) {
    live = live_at(page, items_.back().following());
  }
  for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
    const Plan& plan = item->plan;
    if (is_direct_transfer(plan)) {
      item->live_taken = live_at(page, item->exit());
      if (plan.way == Way::kJumpConditional)
        live |= item->live_taken;
      else
        live = item->live_taken;
    }
    item->live_after = live;
    live = (live & ~plan.flags_written) | plan.flags_read;
    if (options_.exact_flags && may_fault(plan)) live = kAllFlags;
    if (item->tail) live = kAllFlags;  // it may end as another instruction by then
    item->live_before = live;
  }
}

// The flags that code at RIP needs from before, found by looking a few instructions ahead. Only
// within the page, whose change makes the answer void together with the code that relies on it.
FlagSet Translator::live_at(Page& page, std::uint64_t rip) {
  constexpr unsigned kLookAhead = 8;
  if (!page.contains(rip)) return kAllFlags;
  ByteSpan bytes = bytes_at(page, rip, kLookAhead);
  FlagSet needed = 0;
  FlagSet open = kAllFlags;
  for (unsigned n = 0; n < kLookAhead && open != 0 && !bytes.empty(); ++n) {
    const PlannedForms::Glance found = forms_.glance(bytes);
    if (found.status != DecodeStatus::kDecoded) break;
    const Plan plan = plan_in(page, found.plan);
    needed |= plan.flags_read & open;
    const bool goes_on = !plan.ends_block && plan.way != Way::kJumpConditional;
    if (!goes_on || (options_.exact_flags && may_fault(plan))) break;
    open &= ~plan.flags_written;
    bytes = bytes.subspan(found.length);
  }
  return needed | open;
}

}  // namespace orrery::hypervisor::soft::translate
