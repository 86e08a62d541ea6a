// FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1 (SDM vol. 1, 8.3.7 to 8.3.10).
#include "hypervisor/soft/fpu/soft_float/transcendental.hpp"

#include "hypervisor/soft/fpu/x87/form.hpp"

namespace orrery::hypervisor::soft::x87 {

namespace {

using soft_float::pack;

// The masked response to an empty operand: the indefinite in the result's place.
void respond_to_underflow(Unit& unit, unsigned destination, unsigned pops) {
  if (!unit.underflow()) return;
  unit.set(destination, kIndefinite);
  unit.pop(pops);
}

Exact sine(const Number& x, Context& context) {
  return soft_float::sine_cosine(x, context).sine;
}
Exact cosine(const Number& x, Context& context) {
  return soft_float::sine_cosine(x, context).cosine;
}

// C2 says that the argument was too large, and nothing is done then. An empty register is not.
bool in_range(Unit& unit) {
  const bool within = unit.empty(0) || soft_float::in_trigonometric_range(unit.number(0));
  x86::X87& state = unit.state();
  state.status =
      static_cast<std::uint16_t>(within ? state.status & ~status::kC2 : state.status | status::kC2);
  return within;
}

enum class Range : std::uint8_t { kAny, kTrigonometric };

template <Exact (*function)(const Number&, Context&), Range range>
void execute_unary(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (range == Range::kTrigonometric && !in_range(unit)) return;
  if (unit.empty(0)) return respond_to_underflow(unit, 0, 0);
  Context context = unit.context();
  const Float80 result = pack<Extended>(function(unit.number(0), context), context);
  if (unit.commit(context)) unit.set(0, result);
}

// ST(1) = function(ST(1), ST(0)), then a pop.
template <Exact (*function)(const Number&, const Number&, Context&)>
void execute_binary(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (unit.empty(0) || unit.empty(1)) return respond_to_underflow(unit, 1, 1);
  Context context = unit.context();
  const Float80 result = pack<Extended>(function(unit.number(1), unit.number(0), context), context);
  if (!unit.commit(context)) return;
  unit.set(1, result);
  unit.pop();
}

// FSINCOS and FPTAN give two results, the second pushed.
struct Two {
  Exact first;
  Exact second;
};
Two sine_then_cosine(const Number& x, Context& context) {
  const auto both = soft_float::sine_cosine(x, context);
  return {both.sine, both.cosine};
}
// A NaN is pushed in the place of 1 too.
Two tangent_then_one(const Number& x, Context& context) {
  const Exact value = soft_float::tangent(x, context);
  const Exact one{soft_float::Kind::kFinite, false, 0,
                  soft_float::Uint128{soft_float::kIntegerBit} << 64};
  return {value, value.kind == soft_float::Kind::kQuietNan ? value : one};
}

template <Two (*function)(const Number&, Context&)>
void execute_pushing(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  const bool fault = unit.empty(0) || !unit.empty(7);
  if (!in_range(unit) && !fault) return;
  if (fault) {
    if (!(unit.empty(0) ? unit.underflow() : unit.overflow())) return;
    unit.set(0, kIndefinite);
    unit.push(kIndefinite);
    return;
  }
  Context context = unit.context();
  const Two values = function(unit.number(0), context);
  const Float80 first = pack<Extended>(values.first, context);
  const Float80 second = pack<Extended>(values.second, context);
  if (!unit.commit(context)) return;
  unit.set(0, first);
  unit.push(second);
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_FSIN, select<execute_unary<sine, Range::kTrigonometric>>},
    {ZYDIS_MNEMONIC_FCOS, select<execute_unary<cosine, Range::kTrigonometric>>},
    {ZYDIS_MNEMONIC_FSINCOS, select<execute_pushing<sine_then_cosine>>},
    {ZYDIS_MNEMONIC_FPTAN, select<execute_pushing<tangent_then_one>>},
    {ZYDIS_MNEMONIC_FPATAN, select<execute_binary<soft_float::arctangent>>},
    {ZYDIS_MNEMONIC_F2XM1, select<execute_unary<soft_float::power_minus_one, Range::kAny>>},
    {ZYDIS_MNEMONIC_FYL2X, select<execute_binary<soft_float::logarithm>>},
    {ZYDIS_MNEMONIC_FYL2XP1, select<execute_binary<soft_float::logarithm_plus_one>>},
};

}  // namespace

std::span<const Row> transcendental_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::x87
