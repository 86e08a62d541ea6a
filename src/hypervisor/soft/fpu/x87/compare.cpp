// x87 comparison and classification: FCOM, FUCOM, FICOM, FCOMI, FTST, FXAM (SDM vol. 1, 8.3.6).
#include "hypervisor/soft/fpu/x87/form.hpp"

namespace orrery::hypervisor::soft::x87 {

namespace {

using soft_float::Kind;
using soft_float::Order;
using soft_float::QuietNans;

std::uint16_t conditions(Order order) {
  switch (order) {
    case Order::kLess: return status::kC0;
    case Order::kEqual: return status::kC3;
    case Order::kGreater: return 0;
    case Order::kUnordered: return status::kC3 | status::kC2 | status::kC0;
  }
  return 0;
}

std::uint64_t flags(Order order) {
  switch (order) {
    case Order::kLess: return x86::rflags::kCarry;
    case Order::kEqual: return x86::rflags::kZero;
    case Order::kGreater: return 0;
    case Order::kUnordered: return x86::rflags::kZero | x86::rflags::kParity | x86::rflags::kCarry;
  }
  return 0;
}

enum class Result : std::uint8_t { kConditions, kFlags };

void report(Cpu& cpu, Unit& unit, Order order, Result result) {
  if (result == Result::kFlags) {
    cpu.flags.set_bits(flags(order));
  } else {
    unit.set_conditions(conditions(order));
  }
}

// The order is reported even where an unmasked exception was found, as AMD's processors do (Intel
// documents the condition codes as unchanged then); the stack is not popped.
void compare(Cpu& cpu, Unit& unit, const Number& a, const Number& b, QuietNans quiet_nans,
             Result result, unsigned pops) {
  Context context = unit.context();
  const Order order = soft_float::compare(a, b, quiet_nans, context);
  const bool allowed = unit.commit(context);
  report(cpu, unit, order, result);
  if (allowed) unit.pop(pops);
}

// An empty operand is "unordered".
void respond_to_underflow(Cpu& cpu, Unit& unit, Result result, unsigned pops) {
  const bool allowed = unit.underflow();
  report(cpu, unit, Order::kUnordered, result);
  if (allowed) unit.pop(pops);
}

template <QuietNans quiet_nans, Result result, unsigned kPops>
void execute_stack(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack, result == Result::kFlags ? C1::kKept : C1::kCleared);
  if (unit.empty(0) || unit.empty(i.source)) {
    return respond_to_underflow(cpu, unit, result, kPops);
  }
  compare(cpu, unit, unit.number(0), unit.number(i.source), quiet_nans, result, kPops);
}

template <Memory memory, unsigned kPops>
void execute_memory(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  const Number source = load_number<memory>(cpu, i);
  Unit unit(cpu, i, Operand::kMemory);
  if (unit.empty(0)) return respond_to_underflow(cpu, unit, Result::kConditions, kPops);
  compare(cpu, unit, unit.number(0), source, QuietNans::kInvalid, Result::kConditions, kPops);
}

template <unsigned kPops>
bool select_compare(const Decoded& decoded, Instruction& record) {
  fill_opcode(decoded, record);
  record.source = stack_index(decoded);
  if (!has_memory(decoded)) {
    record.handler = &step<execute_stack<QuietNans::kInvalid, Result::kConditions, kPops>>;
    return true;
  }
  switch (decoded.info.opcode) {
    case 0xd8: record.handler = &step<execute_memory<Memory::kFloat32, kPops>>; break;
    case 0xdc: record.handler = &step<execute_memory<Memory::kFloat64, kPops>>; break;
    case 0xda: record.handler = &step<execute_memory<Memory::kInteger32, kPops>>; break;
    default: record.handler = &step<execute_memory<Memory::kInteger16, kPops>>; break;
  }
  return true;
}

template <QuietNans quiet_nans, Result result, unsigned kPops>
constexpr Selector kStack = select<execute_stack<quiet_nans, result, kPops>>;

void execute_test(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (unit.empty(0)) return respond_to_underflow(cpu, unit, Result::kConditions, 0);
  compare(cpu, unit, unit.number(0), Number{}, QuietNans::kInvalid, Result::kConditions, 0);
}

// The class of ST(0), also of an empty register (table 8-3 of FXAM).
std::uint16_t classify(const Unit& unit) {
  if (unit.empty(0)) return status::kC3 | status::kC0;
  const Number value = unit.number(0);
  switch (value.kind) {
    case Kind::kUnsupported: return 0;
    case Kind::kQuietNan:
    case Kind::kSignallingNan: return status::kC0;
    case Kind::kInfinity: return status::kC2 | status::kC0;
    case Kind::kZero: return status::kC3;
    case Kind::kFinite: return value.denormal ? status::kC3 | status::kC2 : status::kC2;
  }
  return 0;
}

void execute_examine(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  const bool sign = (unit.st(0).sign_exponent & 0x8000) != 0;
  unit.set_conditions(static_cast<std::uint16_t>(classify(unit) | (sign ? status::kC1 : 0)));
}

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_FCOM, select_compare<0>},
    {ZYDIS_MNEMONIC_FCOMP, select_compare<1>},
    {ZYDIS_MNEMONIC_FICOM, select_compare<0>},
    {ZYDIS_MNEMONIC_FICOMP, select_compare<1>},
    {ZYDIS_MNEMONIC_FCOMPP, kStack<QuietNans::kInvalid, Result::kConditions, 2>},
    {ZYDIS_MNEMONIC_FUCOM, kStack<QuietNans::kAccepted, Result::kConditions, 0>},
    {ZYDIS_MNEMONIC_FUCOMP, kStack<QuietNans::kAccepted, Result::kConditions, 1>},
    {ZYDIS_MNEMONIC_FUCOMPP, kStack<QuietNans::kAccepted, Result::kConditions, 2>},
    {ZYDIS_MNEMONIC_FCOMI, kStack<QuietNans::kInvalid, Result::kFlags, 0>},
    {ZYDIS_MNEMONIC_FCOMIP, kStack<QuietNans::kInvalid, Result::kFlags, 1>},
    {ZYDIS_MNEMONIC_FUCOMI, kStack<QuietNans::kAccepted, Result::kFlags, 0>},
    {ZYDIS_MNEMONIC_FUCOMIP, kStack<QuietNans::kAccepted, Result::kFlags, 1>},
    {ZYDIS_MNEMONIC_FTST, select<execute_test>},
    {ZYDIS_MNEMONIC_FXAM, select<execute_examine>},
};

}  // namespace

std::span<const Row> compare_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::x87
