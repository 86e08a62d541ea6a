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
constexpr unsigned kAlignment = 16;

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

// Registers that need a temporary: the first one is taken for as long as the run lasts.
unsigned registers_in_memory(const Item& item, HostRegisters registers) {
  unsigned count = 0;
  for (unsigned n = 0; n < item.decoded.info.operand_count_visible; ++n) {
    const ZydisDecodedOperand& operand = item.decoded.operands[n];
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && is_in_memory(operand.reg.value, registers))
      ++count;
  }
  return count;
}

class Finder {
 public:
  Finder(std::span<const Item> items, Vectors vectors, HostRegisters registers)
      : items_(items), vectors_(vectors), registers_(registers) {}

  AccessRun find() {
    for (const Item& item : items_) {
      if (run_.steps.size() == kMostSteps || item.tail != nullptr || !take(item) || ended_) break;
    }
    // What follows the last access gains nothing.
    while (!run_.steps.empty() && !run_.steps.back().accesses) run_.steps.pop_back();
    if (accesses_ < 2) run_.steps.clear();
    return std::move(run_);
  }

 private:
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
    if (!reach(kRsp, moved_ - 8, 8, true)) return false;
    moved_ -= 8;
    return add(item, true, moved_);
  }

  bool take_pop(const Item& item) {
    if (uses_rsp_itself(item) || !reach(kRsp, moved_, 8, false)) return false;
    moved_ += 8;
    return add(item, true, moved_ - 8);
  }

  static bool uses_rsp_itself(const Item& item) {
    const ZydisDecodedOperand& operand = item.decoded.operands[0];
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && gpr_named(operand.reg.value) == kRsp;
  }

  // Not as the first one: alone it gains nothing.
  bool take_last(const Item& item, std::int32_t distance, bool writes) {
    if (accesses_ == 0 || !reach(kRsp, moved_ + distance, 8, writes)) return false;
    ended_ = true;
    return add(item, true, moved_ + distance);
  }

  bool take_access(const Item& item) {
    const ZydisDecodedOperand& operand = item.decoded.operands[item.plan.memory_operand];
    const ZydisDecodedOperandMem& memory = operand.mem;
    if (item.plan.x87 || item.plan.vectors > vectors_ || registers_in_memory(item, registers_) > 1)
      return false;
    if (memory.index != ZYDIS_REGISTER_NONE || memory.base == ZYDIS_REGISTER_RIP) return false;
    if (memory.segment == ZYDIS_REGISTER_FS || memory.segment == ZYDIS_REGISTER_GS) return false;
    const auto base = gpr_named(memory.base);
    const std::int64_t displacement = memory.disp.has_displacement ? memory.disp.value : 0;
    if (!base || displacement != static_cast<std::int32_t>(displacement)) return false;
    const std::int64_t distance = displacement + (*base == kRsp ? moved_ : 0);
    const bool writes = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    const bool aligned = needs_alignment(item);
    if (aligned && operand.size / 8 != kAlignment) return false;
    if (!reach(*base, distance, operand.size / 8, writes, aligned)) return false;
    ended_ = uses(item, *base, ZYDIS_OPERAND_ACTION_MASK_WRITE);
    return add(item, true, static_cast<std::int32_t>(distance));
  }

  bool take_other(const Item& item) {
    if (accesses_ == 0 || item.plan.x87 || item.plan.vectors > vectors_) return false;
    const bool is_address = item.plan.way == Way::kLoadAddress;
    if (is_address ? !has_direct_address(item, registers_)
                   : registers_in_memory(item, registers_) > 1)
      return false;
    if (uses(item, run_.base, ZYDIS_OPERAND_ACTION_MASK_WRITE)) return false;
    return add(item, false, 0);
  }

  // Whether an access through BASE can be one of the run's, which it then is.
  bool reach(unsigned base, std::int64_t distance, std::int32_t size, bool writes,
             bool aligned = false) {
    if (accesses_ != 0 && base != run_.base) return false;
    if (distance < -kMostDistance || distance > kMostDistance) return false;
    const auto first = static_cast<std::int32_t>(distance);
    std::int32_t lowest = accesses_ == 0 ? first : std::min(run_.lowest, first);
    if (aligned || run_.aligned) {
      const std::int32_t wanted = run_.aligned ? alignment_ : first;
      if (aligned && (first - wanted) % static_cast<std::int32_t>(kAlignment) != 0) return false;
      lowest -= static_cast<std::int32_t>(static_cast<std::uint32_t>(lowest - wanted) % kAlignment);
      alignment_ = wanted;
    }
    const std::int32_t end = accesses_ == 0 ? first + size : std::max(run_.end, first + size);
    if (end - lowest > kMostBytes) return false;
    run_.base = base;
    run_.lowest = lowest;
    run_.end = end;
    run_.writes |= writes;
    run_.aligned |= aligned;
    return true;
  }

  bool add(const Item& item, bool accesses, std::int32_t distance) {
    run_.steps.push_back({&item, accesses, distance, moved_});
    accesses_ += accesses ? 1 : 0;
    return true;
  }

  // Far from what an address in 32 bits of displacement could overflow.
  static constexpr std::int32_t kMostDistance = 1 << 30;

  std::span<const Item> items_;
  Vectors vectors_;
  HostRegisters registers_;
  AccessRun run_;
  unsigned accesses_ = 0;
  std::int32_t moved_ = 0;      // RSP
  std::int32_t alignment_ = 0;  // the distance of an aligned operand
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
