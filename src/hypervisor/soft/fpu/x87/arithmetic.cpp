// x87 arithmetic: the four operations in all forms, square root, remainders, scaling (SDM vol. 1,
// 8.3.5; vol. 2A under F...).
#include "hypervisor/soft/fpu/soft_float/remainder.hpp"
#include "hypervisor/soft/fpu/x87/form.hpp"

namespace orrery::hypervisor::soft::x87 {

namespace {

using soft_float::pack;

// ---- FADD, FSUB, FSUBR, FMUL, FDIV, FDIVR

using Function = Exact (*)(const Number&, const Number&, Context&);

enum class Direction : std::uint8_t { kForward, kReversed };

// Result into ST(destination), then COUNT pops.
void store_result(Unit& unit, const Exact& value, Context& context, const Shape& shape,
                  unsigned destination, unsigned pops) {
  const Float80 result = pack<Extended>(value, context, shape);
  if (!unit.commit(context)) return;
  unit.set(destination, result);
  unit.pop(pops);
}

void respond_to_underflow(Unit& unit, unsigned destination, unsigned pops) {
  if (!unit.underflow()) return;
  unit.set(destination, kIndefinite);
  unit.pop(pops);
}

template <Function function, Direction direction>
Exact apply(const Number& destination, const Number& source, Context& context) {
  return direction == Direction::kForward ? function(destination, source, context)
                                          : function(source, destination, context);
}

template <Function function, Direction direction, unsigned kPops>
void execute_stack(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (unit.empty(i.destination) || unit.empty(i.source)) {
    return respond_to_underflow(unit, i.destination, kPops);
  }
  Context context = unit.context();
  const Exact value =
      apply<function, direction>(unit.number(i.destination), unit.number(i.source), context);
  store_result(unit, value, context, unit.shape(), i.destination, kPops);
}

template <Function function, Direction direction, Memory memory>
void execute_memory(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  const Number source = load_number<memory>(cpu, i);
  Unit unit(cpu, i, Operand::kMemory);
  if (unit.empty(0)) return respond_to_underflow(unit, 0, 0);
  Context context = unit.context();
  const Exact value = apply<function, direction>(unit.number(0), source, context);
  store_result(unit, value, context, unit.shape(), 0, 0);
}

// D8 and DC: single, double and ST; DA and DE: integers and the popping form.
template <Function function, Direction direction = Direction::kForward>
bool select_arithmetic(const Decoded& decoded, Instruction& record) {
  fill_opcode(decoded, record);
  const unsigned opcode = decoded.info.opcode;
  if (has_memory(decoded)) {
    record.handler = opcode == 0xd8   ? &step<execute_memory<function, direction, Memory::kFloat32>>
                     : opcode == 0xdc ? &step<execute_memory<function, direction, Memory::kFloat64>>
                     : opcode == 0xda
                         ? &step<execute_memory<function, direction, Memory::kInteger32>>
                         : &step<execute_memory<function, direction, Memory::kInteger16>>;
    return true;
  }
  record.destination = opcode == 0xd8 ? 0 : stack_index(decoded);
  record.source = opcode == 0xd8 ? stack_index(decoded) : 0;
  record.handler = opcode == 0xde ? &step<execute_stack<function, direction, 1>>
                                  : &step<execute_stack<function, direction, 0>>;
  return true;
}

// ---- On ST(0) alone

void execute_square_root(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (unit.empty(0)) return respond_to_underflow(unit, 0, 0);
  Context context = unit.context();
  const Exact value = soft_float::square_root(unit.number(0), context);
  store_result(unit, value, context, unit.shape(), 0, 0);
}

void execute_round(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (unit.empty(0)) return respond_to_underflow(unit, 0, 0);
  Context context = unit.context();
  const Number value = unit.number(0);
  soft_float::note_denormals(value, value, context);
  const Exact rounded = soft_float::round_to_integral(value, soft_float::Inexact::kRaised, context);
  const bool up = context.rounded_up;
  const Float80 result = pack<Extended>(rounded, context);
  context.rounded_up = up;
  if (unit.commit(context)) unit.set(0, result);
}

// FABS and FCHS work on any bits.
template <std::uint16_t kKept, std::uint16_t kFlipped>
void execute_sign(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (unit.empty(0)) return respond_to_underflow(unit, 0, 0);
  Float80 value = unit.st(0);
  value.sign_exponent = static_cast<std::uint16_t>((value.sign_exponent & kKept) ^ kFlipped);
  unit.set(0, value);
}

// ---- With ST(1)

void execute_scale(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (unit.empty(0) || unit.empty(1)) return respond_to_underflow(unit, 0, 0);
  Context context = unit.context();
  const Exact value = soft_float::scale(unit.number(0), unit.number(1), context);
  store_result(unit, value, context, Extended::kShape, 0, 0);
}

// The quotient's low bits go to C0, C3 and C1; C2 says that the remainder is only partial.
std::uint16_t quotient_conditions(const soft_float::Remainder& remainder) {
  if (remainder.partial) return status::kC2;
  const auto quotient_bit = [&](unsigned n) { return ((remainder.quotient >> n) & 1u) != 0; };
  return static_cast<std::uint16_t>((quotient_bit(2) ? status::kC0 : 0) |
                                    (quotient_bit(1) ? status::kC3 : 0) |
                                    (quotient_bit(0) ? status::kC1 : 0));
}

template <soft_float::Quotient rounding>
void execute_remainder(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  unit.state().status = static_cast<std::uint16_t>(unit.state().status & ~status::kC2);
  if (unit.empty(0) || unit.empty(1)) return respond_to_underflow(unit, 0, 0);
  Context context = unit.context();
  const auto remainder = soft_float::remainder(unit.number(0), unit.number(1), rounding, context);
  const Float80 result = pack<Extended>(remainder.value, context);
  context.rounded_up = false;
  if (!unit.commit(context)) return;
  const bool quotient = remainder.value.kind != soft_float::Kind::kQuietNan;
  if (quotient) unit.set_conditions(quotient_conditions(remainder));
  unit.set(0, result);
}

// Exponent into ST(0), then the significand pushed (FXTRACT).
void execute_extract(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  const bool fault = unit.empty(0) || !unit.empty(7);
  if (fault) {
    if (!(unit.empty(0) ? unit.underflow() : unit.overflow())) return;
    unit.set(0, kIndefinite);
    unit.push(kIndefinite);
    return;
  }
  Context context = unit.context();
  const auto parts = soft_float::extract(unit.number(0), context);
  const Float80 exponent = pack<Extended>(parts.exponent, context);
  const Float80 significand = pack<Extended>(parts.significand, context);
  if (!unit.commit(context)) return;
  unit.set(0, exponent);
  unit.push(significand);
}

constexpr Function kAdd = soft_float::add;
constexpr Function kSubtract = soft_float::subtract;
constexpr Function kMultiply = soft_float::multiply;
constexpr Function kDivide = soft_float::divide;

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_FADD, select_arithmetic<kAdd>},
    {ZYDIS_MNEMONIC_FADDP, select_arithmetic<kAdd>},
    {ZYDIS_MNEMONIC_FIADD, select_arithmetic<kAdd>},
    {ZYDIS_MNEMONIC_FMUL, select_arithmetic<kMultiply>},
    {ZYDIS_MNEMONIC_FMULP, select_arithmetic<kMultiply>},
    {ZYDIS_MNEMONIC_FIMUL, select_arithmetic<kMultiply>},
    {ZYDIS_MNEMONIC_FSUB, select_arithmetic<kSubtract>},
    {ZYDIS_MNEMONIC_FSUBP, select_arithmetic<kSubtract>},
    {ZYDIS_MNEMONIC_FISUB, select_arithmetic<kSubtract>},
    {ZYDIS_MNEMONIC_FSUBR, select_arithmetic<kSubtract, Direction::kReversed>},
    {ZYDIS_MNEMONIC_FSUBRP, select_arithmetic<kSubtract, Direction::kReversed>},
    {ZYDIS_MNEMONIC_FISUBR, select_arithmetic<kSubtract, Direction::kReversed>},
    {ZYDIS_MNEMONIC_FDIV, select_arithmetic<kDivide>},
    {ZYDIS_MNEMONIC_FDIVP, select_arithmetic<kDivide>},
    {ZYDIS_MNEMONIC_FIDIV, select_arithmetic<kDivide>},
    {ZYDIS_MNEMONIC_FDIVR, select_arithmetic<kDivide, Direction::kReversed>},
    {ZYDIS_MNEMONIC_FDIVRP, select_arithmetic<kDivide, Direction::kReversed>},
    {ZYDIS_MNEMONIC_FIDIVR, select_arithmetic<kDivide, Direction::kReversed>},
    {ZYDIS_MNEMONIC_FSQRT, select<execute_square_root>},
    {ZYDIS_MNEMONIC_FRNDINT, select<execute_round>},
    {ZYDIS_MNEMONIC_FABS, select<execute_sign<0x7fff, 0>>},
    {ZYDIS_MNEMONIC_FCHS, select<execute_sign<0xffff, 0x8000>>},
    {ZYDIS_MNEMONIC_FSCALE, select<execute_scale>},
    {ZYDIS_MNEMONIC_FPREM, select<execute_remainder<soft_float::Quotient::kTruncated>>},
    {ZYDIS_MNEMONIC_FPREM1, select<execute_remainder<soft_float::Quotient::kNearest>>},
    {ZYDIS_MNEMONIC_FXTRACT, select<execute_extract>},
};

}  // namespace

std::span<const Row> arithmetic_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::x87
