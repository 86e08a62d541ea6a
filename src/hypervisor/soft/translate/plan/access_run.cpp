#include "hypervisor/soft/translate/plan/access_run.hpp"

#include <algorithm>
#include <optional>

#include "hypervisor/soft/decode/operands.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

constexpr unsigned kRsp = static_cast<unsigned>(x86::Gpr::kRsp);
// The code is there twice, and a window that spans more is found to cross a page more often.
constexpr std::size_t kMostSteps = 24;
constexpr std::int32_t kMostBytes = 128;
constexpr std::int32_t kAlignment = 16;

std::optional<unsigned> gpr_named(ZydisRegister reg) {
  const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64) return std::nullopt;
  return static_cast<unsigned>(ZydisRegisterGetId(whole));
}

// As an operand of its own, stated or not, with one of ACTIONS.
bool uses(const Item& item, unsigned gpr, unsigned actions) {
  for (unsigned n = 0; n < item.decoded.info.operand_count; ++n) {
    const ZydisDecodedOperand& operand = item.decoded.operands[n];
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && (operand.actions & actions) != 0 &&
        gpr_named(operand.reg.value) == gpr) {
      return true;
    }
  }
  return false;
}

bool is_in_memory(ZydisRegister reg, HostRegisters registers) {
  const auto gpr = gpr_named(reg);
  return gpr && !registers.of(*gpr);
}

// Registers that need a temporary.
unsigned registers_in_memory(const Item& item, HostRegisters registers) {
  unsigned count = 0;
  for (unsigned n = 0; n < item.decoded.info.operand_count_visible; ++n) {
    const ZydisDecodedOperand& operand = item.decoded.operands[n];
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && is_in_memory(operand.reg.value, registers))
      ++count;
  }
  return count;
}

// Takes instructions one by one, as long as they fit.
class Finder {
 public:
  Finder(std::span<const Item> items, Vectors vectors, HostRegisters registers)
      : items_(items), vectors_(vectors), registers_(registers) {}

  AccessRun find() {
    for (const Item& item : items_) {
      if (steps().size() == kMostSteps || item.tail || !take(item) || ended_) break;
    }
    if (windows().size() == 2 && windows()[1].accesses < 2) close_second();
    // What follows the last access gains nothing.
    while (!steps().empty() && !steps().back().accesses()) steps().pop_back();
    if (!windows().empty() && windows()[0].accesses < 2) steps().clear();
    return std::move(run_);
  }

 private:
  using Window = AccessRun::Window;

  // An operand: SIZE bytes, DISTANCE from its anchor, or from 0 where that is RIP.
  struct Operand {
    Anchor anchor;
    std::uint64_t distance;
    std::int32_t size;
    bool writes;
    bool aligned = false;
  };
  static constexpr Anchor kStack{ZYDIS_REGISTER_RSP};

  std::vector<AccessRun::Step>& steps() { return run_.steps; }
  std::vector<Window>& windows() { return run_.windows; }

  bool take(const Item& item) {
    switch (item.plan.way) {
      case Way::kPush: return take_push(item);
      case Way::kPop: return take_pop(item);
      case Way::kCall: return take_last(item, -8, true);
      case Way::kReturn: return take_last(item, 0, false);
      case Way::kCopy: return item.plan.memory_operand >= 0 ? take_access(item) : take_other(item);
      case Way::kLoadAddress:
      case Way::kNothing:
      case Way::kJumpConditional: return take_other(item);
      default: return false;
    }
  }

  bool take_push(const Item& item) {
    const ZydisDecodedOperand& operand = item.decoded.operands[0];
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY || uses_rsp_itself(item)) return false;
    if (!has_temporaries(item) || !take_operand(item, on_stack(moved_ - 8, true))) return false;
    moved_ -= 8;
    steps().back().moved = moved_;
    return true;
  }

  bool take_pop(const Item& item) {
    if (uses_rsp_itself(item) || !has_temporaries(item)) return false;
    if (!take_operand(item, on_stack(moved_, false))) return false;
    moved_ += 8;
    steps().back().moved = moved_;
    const ZydisRegister popped = item.decoded.operands[0].reg.value;
    ended_ = std::any_of(windows().begin(), windows().end(), [popped](const Window& window) {
      return window.anchor.base == popped || window.anchor.index == popped;
    });
    return true;
  }

  static bool uses_rsp_itself(const Item& item) {
    const ZydisDecodedOperand& operand = item.decoded.operands[0];
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && gpr_named(operand.reg.value) == kRsp;
  }

  // Not as the first one: alone it gains nothing.
  bool take_last(const Item& item, std::int32_t distance, bool writes) {
    if (windows().empty() || !take_operand(item, on_stack(moved_ + distance, writes))) return false;
    ended_ = true;
    return true;
  }

  static Operand on_stack(std::int32_t distance, bool writes) {
    return {kStack, static_cast<std::uint64_t>(std::int64_t{distance}), 8, writes};
  }

  bool take_access(const Item& item) {
    const ZydisDecodedOperand& operand = item.decoded.operands[item.plan.memory_operand];
    const ZydisDecodedOperandMem& memory = operand.mem;
    if (item.plan.x87 || item.plan.vectors > vectors_ || !has_temporaries(item)) return false;
    if (memory.segment == ZYDIS_REGISTER_FS || memory.segment == ZYDIS_REGISTER_GS) return false;
    if (memory.base == ZYDIS_REGISTER_NONE) return false;
    const bool has_index = memory.index != ZYDIS_REGISTER_NONE;
    Operand accessed{
        .anchor = {memory.base, memory.index, has_index ? memory.scale : std::uint8_t{1}},
        .distance =
            static_cast<std::uint64_t>(memory.disp.has_displacement ? memory.disp.value : 0),
        .size = operand.size / 8,
        .writes = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0,
        .aligned = needs_alignment(item)};
    if (accessed.aligned && accessed.size != kAlignment) return false;
    if (memory.base == ZYDIS_REGISTER_RIP) accessed.distance += item.next_rip();
    if (memory.base == ZYDIS_REGISTER_RSP) accessed.distance += to_unsigned(moved_);
    if (!take_operand(item, accessed)) return false;
    ended_ = changes_anchor(item);
    return true;
  }

  bool take_other(const Item& item) {
    if (windows().empty() || item.plan.x87 || item.plan.vectors > vectors_) return false;
    const bool is_address = item.plan.way == Way::kLoadAddress;
    if (is_address ? !has_direct_address(item, registers_) : !has_temporaries(item)) return false;
    if (changes_anchor(item)) return false;
    has_jumped_ |= item.plan.way == Way::kJumpConditional;
    add(item, AccessRun::kNoWindow, 0);
    return true;
  }

  // Each window takes a temporary for as long as the run lasts.
  bool has_temporaries(const Item& item) {
    const unsigned needed = registers_in_memory(item, registers_);
    most_in_memory_ = std::max(most_in_memory_, needed);
    return needed <= (windows().size() == 2 ? 0 : 1);
  }

  bool changes_anchor(const Item& item) {
    return std::any_of(windows().begin(), windows().end(), [&item](const Window& window) {
      return changes(item, window.anchor.base) || changes(item, window.anchor.index);
    });
  }

  static bool changes(const Item& item, ZydisRegister reg) {
    const auto gpr = gpr_named(reg);
    return gpr && uses(item, *gpr, ZYDIS_OPERAND_ACTION_MASK_WRITE);
  }

  bool take_operand(const Item& item, const Operand& operand) {
    std::uint8_t number = 0;
    while (number < windows().size() && windows()[number].anchor != operand.anchor) ++number;
    if (number == windows().size() && !open(operand)) return false;
    Window& window = windows()[number];
    const auto distance = static_cast<std::int64_t>(operand.distance - window.origin);
    if (!reach(window, alignments_[number], distance, operand)) return false;
    add(item, number, static_cast<std::int32_t>(distance));
    return true;
  }

  bool open(const Operand& operand) {
    if (!windows().empty()) {
      if (!can_open_second(operand.anchor)) return false;
      first_alone_ = windows()[0];
      steps_alone_ = steps().size();
    }
    const bool known = operand.anchor.base == ZYDIS_REGISTER_RIP;
    windows().push_back({.anchor = operand.anchor, .origin = known ? operand.distance : 0});
    return true;
  }

  // Its address must be known from the beginning. Behind a jump it might be looked up in vain.
  bool can_open_second(const Anchor& anchor) {
    if (windows().size() == 2 || has_jumped_ || most_in_memory_ != 0) return false;
    return std::none_of(steps().begin(), steps().end(), [&anchor](const AccessRun::Step& step) {
      return changes(*step.item, anchor.base) || changes(*step.item, anchor.index);
    });
  }

  // It has not been worth it.
  void close_second() {
    windows() = {first_alone_};
    steps().resize(steps_alone_);
  }

  // Whether OPERAND can lie in WINDOW, which it then does.
  static bool reach(Window& window, std::int32_t& alignment, std::int64_t distance,
                    const Operand& operand) {
    if (distance < -kMostDistance || distance > kMostDistance) return false;
    const auto first = static_cast<std::int32_t>(distance);
    std::int32_t lowest = window.accesses == 0 ? first : std::min(window.lowest, first);
    if (operand.aligned || window.aligned) {
      const std::int32_t wanted = window.aligned ? alignment : first;
      if (operand.aligned && (first - wanted) % kAlignment != 0) return false;
      lowest -= static_cast<std::int32_t>(static_cast<std::uint32_t>(lowest - wanted) % kAlignment);
      alignment = wanted;
    }
    const std::int32_t behind = first + operand.size;
    const std::int32_t end = window.accesses == 0 ? behind : std::max(window.end, behind);
    if (end - lowest > kMostBytes) return false;
    window.lowest = lowest;
    window.end = end;
    ++window.accesses;
    window.writes |= operand.writes;
    window.aligned |= operand.aligned;
    return true;
  }

  void add(const Item& item, std::uint8_t window, std::int32_t distance) {
    steps().push_back({&item, window, distance, moved_});
  }

  static std::uint64_t to_unsigned(std::int32_t value) {
    return static_cast<std::uint64_t>(std::int64_t{value});
  }

  // Far from what an address in 32 bits of displacement could overflow.
  static constexpr std::int32_t kMostDistance = 1 << 30;

  std::span<const Item> items_;
  Vectors vectors_;
  HostRegisters registers_;
  AccessRun run_;
  std::int32_t alignments_[2] = {};  // the distance of an aligned operand, per window
  Window first_alone_;               // as it was when the second one was opened, behind
  std::size_t steps_alone_ = 0;      // this many steps
  unsigned most_in_memory_ = 0;      // registers that one instruction needs temporaries for
  std::int32_t moved_ = 0;           // RSP
  bool has_jumped_ = false;
  bool ended_ = false;
};

}  // namespace

bool AccessRun::leaves() const {
  return !steps.empty() && steps.back().item->plan.ends_block;
}

AccessRun find_access_run(std::span<const Item> items, Vectors vectors, HostRegisters registers) {
  return Finder(items, vectors, registers).find();
}

}  // namespace orrery::hypervisor::soft::translate
