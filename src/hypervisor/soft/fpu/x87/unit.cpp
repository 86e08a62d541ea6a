// The x87 unit during one instruction.
#include "hypervisor/soft/fpu/x87/unit.hpp"

namespace orrery::hypervisor::soft::x87 {

Unit::Unit(Cpu& cpu, const Instruction& i, Operand operand, C1 c1) : x87_(cpu.state.x87), c1_(c1) {
  x87_.last_opcode = static_cast<std::uint16_t>(i.immediate);
  x87_.last_instruction = cpu.rip();
  if (operand == Operand::kMemory) x87_.last_operand = cpu.effective_offset(i);
  if (c1_ == C1::kCleared) x87_.status = static_cast<std::uint16_t>(x87_.status & ~status::kC1);
}

Context context_of(const x86::X87& unit) {
  Context context;
  context.rounding =
      static_cast<soft_float::Rounding>((unit.control >> control::kRoundingShift) & 3u);
  context.masked = static_cast<std::uint8_t>(unit.control & control::kMasks);
  context.nan_rule = soft_float::NanRule::kLargerSignificand;
  return context;
}

Shape Unit::shape() const {
  constexpr int kPrecision[] = {24, 64, 53, 64};  // 1 is reserved
  Shape shape = Extended::kShape;
  shape.precision = kPrecision[(x87_.control >> control::kPrecisionShift) & 3u];
  return shape;
}

bool Unit::commit(const Context& context) {
  using soft_float::exception::kBefore;
  const bool forbidden = context.unmasked(context.raised & kBefore);
  const unsigned raised = forbidden ? context.raised & kBefore : context.raised;
  const unsigned c1 = !forbidden && context.rounded_up ? status::kC1 : 0u;
  const unsigned kept = c1_ == C1::kKept ? 0xffffu : ~unsigned{status::kC1};
  x87_.status = static_cast<std::uint16_t>((x87_.status & kept) | raised | c1);
  update_summary(x87_);
  return !forbidden;
}

bool Unit::stack_fault(std::uint16_t c1) {
  x87_.status = static_cast<std::uint16_t>((x87_.status & ~status::kC1) | status::kStackFault |
                                           soft_float::exception::kInvalid | c1);
  update_summary(x87_);
  return (x87_.control & soft_float::exception::kInvalid) != 0;
}

void push_checked(Unit& unit, const Float80& value) {
  if (unit.empty(7)) {
    unit.push(value);
  } else if (unit.overflow()) {
    unit.push(kIndefinite);
  }
}

}  // namespace orrery::hypervisor::soft::x87
