// x87 loads, stores and moves within the stack (SDM vol. 1, 8.3.3 and 8.3.4).
#include <limits>

#include "hypervisor/soft/fpu/x87/decimal.hpp"
#include "hypervisor/soft/fpu/x87/form.hpp"

namespace orrery::hypervisor::soft::x87 {

namespace {

using soft_float::Binary32;
using soft_float::Binary64;
using soft_float::pack;

// ---- Loads

template <Memory memory>
void execute_load(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  const Number source = load_number<memory>(cpu, i);
  Unit unit(cpu, i, Operand::kMemory);
  if (!unit.empty(7)) return push_checked(unit, kIndefinite);
  Context context = unit.context();
  const Float80 value = pack<Extended>(soft_float::convert(source, context), context);
  unit.commit(context);
  // A denormal is loaded even where that exception is unmasked.
  if (!context.unmasked(context.raised & soft_float::exception::kInvalid)) unit.push(value);
}

Float80 load_extended(Cpu& cpu, const Instruction& i) {
  const std::uint64_t significand = cpu.load<std::uint64_t>(i);
  return {significand, cpu.load<std::uint16_t>(i, 8)};
}

// The bits as they are.
void execute_load_extended(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  const Float80 value = load_extended(cpu, i);
  Unit unit(cpu, i, Operand::kMemory);
  push_checked(unit, value);
}

void execute_load_decimal(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  const Float80 digits = load_extended(cpu, i);
  Unit unit(cpu, i, Operand::kMemory);
  push_checked(unit, from_decimal(digits));
}

void execute_load_stack(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (unit.empty(i.source)) {
    if (unit.underflow()) unit.push(kIndefinite);
    return;
  }
  push_checked(unit, unit.st(i.source));
}

bool select_load(const Decoded& decoded, Instruction& record) {
  fill_opcode(decoded, record);
  record.source = stack_index(decoded);
  record.handler = !has_memory(decoded)          ? &step<execute_load_stack>
                   : decoded.info.opcode == 0xd9 ? &step<execute_load<Memory::kFloat32>>
                   : decoded.info.opcode == 0xdd ? &step<execute_load<Memory::kFloat64>>
                                                 : &step<execute_load_extended>;
  return true;
}

bool select_load_integer(const Decoded& decoded, Instruction& record) {
  fill_opcode(decoded, record);
  record.handler = decoded.info.opcode == 0xdb       ? &step<execute_load<Memory::kInteger32>>
                   : decoded.info.raw.modrm.reg == 5 ? &step<execute_load<Memory::kInteger64>>
                                                     : &step<execute_load<Memory::kInteger16>>;
  return true;
}

// ---- Constants. The irrational ones are rounded as RC says (SDM vol. 1, 8.3.8).

struct Constant {
  std::uint16_t exponent;
  std::uint64_t significand;  // truncated
  bool round_up_is_nearest;   // the bits cut off are above one half
};
constexpr Constant kOne{0x3fff, 0x8000'0000'0000'0000, false};
constexpr Constant kLog2Of10{0x4000, 0xd49a'784b'cd1b'8afe, false};
constexpr Constant kLog2OfE{0x3fff, 0xb8aa'3b29'5c17'f0bb, true};
constexpr Constant kPi{0x4000, 0xc90f'daa2'2168'c234, true};
constexpr Constant kLog10Of2{0x3ffd, 0x9a20'9a84'fbcf'f798, true};
constexpr Constant kLnOf2{0x3ffe, 0xb172'17f7'd1cf'79ab, true};

template <const Constant& constant>
void execute_load_constant(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  const bool exact = &constant == &kOne;
  const soft_float::Rounding rounding = unit.context().rounding;
  const bool up = rounding == soft_float::Rounding::kUp ||
                  (rounding == soft_float::Rounding::kNearest && constant.round_up_is_nearest);
  push_checked(unit, {constant.significand + (up && !exact ? 1 : 0), constant.exponent});
}

void execute_load_zero(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  push_checked(unit, {0, 0});
}

// ---- Stores. Nothing is stored, and nothing popped, where an unmasked exception was found.

bool allowed(const Context& context) {
  using namespace soft_float;
  return !context.unmasked(context.raised & static_cast<std::uint8_t>(~exception::kPrecision));
}

// What was not stored was not rounded either: neither PE nor C1.
void forget_rounding(Context& context) {
  context.raised = static_cast<std::uint8_t>(context.raised & ~soft_float::exception::kPrecision);
  context.rounded_up = false;
}

// Whether the masked response to an empty ST(0) is wanted, without changing the status word yet.
bool invalid_is_masked(const Cpu& cpu) {
  return (cpu.state.x87.control & soft_float::exception::kInvalid) != 0;
}

bool top_is_empty(const Cpu& cpu) {
  return ((cpu.state.x87.valid >> top(cpu.state.x87)) & 1u) == 0;
}

Number top_number(const Cpu& cpu) {
  return soft_float::unpack<Extended>(cpu.state.x87.registers[top(cpu.state.x87)]);
}

// A store that an exception forbids still faults as it would have.
template <typename T>
void store_or_probe(Cpu& cpu, const Instruction& i, T value, bool stores) {
  if (stores) return cpu.store<T>(i, value);
  cpu.probe_write(cpu.operand_linear(i, 0, sizeof(T), Access::kWrite), sizeof(T));
}

// CONVERT gives the bits of ST(0) for memory as an unsigned T; INDEFINITE is what an empty register
// stores.
template <typename T, unsigned kPops, typename Convert>
void store(Cpu& cpu, const Instruction& i, T indefinite, Convert convert) {
  begin(cpu);
  if (top_is_empty(cpu)) {
    store_or_probe<T>(cpu, i, indefinite, invalid_is_masked(cpu));
    Unit unit(cpu, i, Operand::kMemory);
    if (unit.underflow()) unit.pop(kPops);
    return;
  }
  Context context = context_of(cpu.state.x87);
  const T value = convert(top_number(cpu), context);
  const bool stores = allowed(context);
  if (!stores) forget_rounding(context);
  store_or_probe<T>(cpu, i, value, stores);
  Unit unit(cpu, i, Operand::kMemory);
  unit.commit(context);
  if (stores) unit.pop(kPops);
}

template <typename Format, unsigned kPops>
void execute_store(Cpu& cpu, const Instruction& i) {
  using Bits = typename Format::Bits;
  const Bits indefinite = Format::assemble(true, Format::kSpecial, std::uint64_t{3} << 62);
  store<Bits, kPops>(cpu, i, indefinite, [](const Number& value, Context& context) {
    if (!soft_float::needs_nan(value)) return pack<Format>(soft_float::exact(value), context);
    return pack<Format>(soft_float::propagate_nan(value, value, context), context);
  });
}

enum class Mode : std::uint8_t { kCurrent, kTruncate };

template <typename Integer, unsigned kPops, Mode mode>
void execute_store_integer(Cpu& cpu, const Instruction& i) {
  using Unsigned = std::make_unsigned_t<Integer>;
  const auto indefinite = static_cast<Unsigned>(std::numeric_limits<Integer>::min());
  store<Unsigned, kPops>(cpu, i, indefinite, [](const Number& value, Context& context) {
    if (mode == Mode::kTruncate) context.rounding = soft_float::Rounding::kTowardZero;
    return static_cast<Unsigned>(soft_float::to_integer(value, sizeof(Integer) * 8, context));
  });
}

void write_extended(Cpu& cpu, const Instruction& i, const Float80& value, bool stores) {
  const std::uint64_t linear = cpu.operand_linear(i, 0, 10, Access::kWrite);
  cpu.probe_write(linear, 10);
  if (!stores) return;
  cpu.write<std::uint64_t>(linear, value.significand);
  cpu.write<std::uint16_t>(linear + 8, value.sign_exponent);
}

// Ten bytes: FSTP m80 takes the bits as they are, FBSTP converts to decimal.
template <typename Convert>
void store_ten_bytes(Cpu& cpu, const Instruction& i, Convert convert) {
  begin(cpu);
  if (top_is_empty(cpu)) {
    write_extended(cpu, i, convert.indefinite(), invalid_is_masked(cpu));
    Unit unit(cpu, i, Operand::kMemory);
    if (unit.underflow()) unit.pop();
    return;
  }
  Context context = context_of(cpu.state.x87);
  const Float80 value = convert.of(cpu.state.x87.registers[top(cpu.state.x87)], context);
  const bool stores = allowed(context);
  if (!stores) forget_rounding(context);
  write_extended(cpu, i, value, stores);
  Unit unit(cpu, i, Operand::kMemory);
  unit.commit(context);
  if (stores) unit.pop();
}

struct AsIs {
  static Float80 indefinite() { return kIndefinite; }
  static Float80 of(const Float80& value, Context&) { return value; }
};
struct AsDecimal {
  static Float80 indefinite() { return kDecimalIndefinite; }
  static Float80 of(const Float80& value, Context& context) {
    return to_decimal(soft_float::unpack<Extended>(value), context);
  }
};

void execute_store_extended(Cpu& cpu, const Instruction& i) {
  store_ten_bytes(cpu, i, AsIs{});
}
void execute_store_decimal(Cpu& cpu, const Instruction& i) {
  store_ten_bytes(cpu, i, AsDecimal{});
}

template <unsigned kPops>
void execute_store_stack(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  Float80 value = unit.st(0);
  if (unit.empty(0)) {
    if (!unit.underflow()) return;
    value = kIndefinite;
  }
  unit.set(i.source, value);
  unit.pop(kPops);
}

// FSTPNCE stores without a look at the tag: an empty ST(0) is only popped.
void execute_store_unchecked(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  if (!unit.empty(0)) unit.set(i.source, unit.st(0));
  unit.pop();
}

template <unsigned kPops>
bool select_store(const Decoded& decoded, Instruction& record) {
  fill_opcode(decoded, record);
  record.source = stack_index(decoded);
  record.handler = !has_memory(decoded)          ? &step<execute_store_stack<kPops>>
                   : decoded.info.opcode == 0xd9 ? &step<execute_store<Binary32, kPops>>
                   : decoded.info.opcode == 0xdd ? &step<execute_store<Binary64, kPops>>
                                                 : &step<execute_store_extended>;
  return true;
}

template <unsigned kPops, Mode mode>
bool select_store_integer(const Decoded& decoded, Instruction& record) {
  fill_opcode(decoded, record);
  const bool short_form = decoded.info.opcode == 0xdf && decoded.info.raw.modrm.reg != 7;
  record.handler = decoded.info.opcode == 0xdb
                       ? &step<execute_store_integer<std::int32_t, kPops, mode>>
                   : short_form ? &step<execute_store_integer<std::int16_t, kPops, mode>>
                                : &step<execute_store_integer<std::int64_t, kPops, mode>>;
  return true;
}

// ---- Within the stack

void execute_exchange(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  Float80 first = unit.st(0);
  Float80 second = unit.st(i.source);
  if (unit.empty(0) || unit.empty(i.source)) {
    if (!unit.underflow()) return;
    if (unit.empty(0)) first = kIndefinite;
    if (unit.empty(i.source)) second = kIndefinite;
  }
  unit.set(0, second);
  unit.set(i.source, first);
}

enum class Wanted : std::uint8_t { kSet, kClear };

template <std::uint64_t kFlags, Wanted wanted>
void execute_conditional_move(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack, C1::kKept);
  Float80 value = unit.st(i.source);
  if (unit.empty(0) || unit.empty(i.source)) {
    if (!unit.underflow()) return;
    return unit.set(0, kIndefinite);
  }
  const bool set = (cpu.flags.bits() & kFlags) != 0;
  if (set == (wanted == Wanted::kSet)) unit.set(0, value);
}

template <std::uint64_t kFlags, Wanted wanted>
constexpr Selector kConditionalMove = select<execute_conditional_move<kFlags, wanted>>;

template <int kDistance>
void execute_rotate(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit(cpu, i, Operand::kStack).rotate(kDistance);
}

template <unsigned kPops>
void execute_free(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit unit(cpu, i, Operand::kStack);
  unit.free(i.source);
  unit.pop(kPops);
}

void execute_nothing(Cpu& cpu, const Instruction& i) {
  begin(cpu);
  Unit(cpu, i, Operand::kStack, C1::kKept);
}

using x86::rflags::kCarry;
using x86::rflags::kParity;
using x86::rflags::kZero;

constexpr Row kRows[] = {
    {ZYDIS_MNEMONIC_FLD, select_load},
    {ZYDIS_MNEMONIC_FILD, select_load_integer},
    {ZYDIS_MNEMONIC_FBLD, select<execute_load_decimal>},
    {ZYDIS_MNEMONIC_FLDZ, select<execute_load_zero>},
    {ZYDIS_MNEMONIC_FLD1, select<execute_load_constant<kOne>>},
    {ZYDIS_MNEMONIC_FLDL2T, select<execute_load_constant<kLog2Of10>>},
    {ZYDIS_MNEMONIC_FLDL2E, select<execute_load_constant<kLog2OfE>>},
    {ZYDIS_MNEMONIC_FLDPI, select<execute_load_constant<kPi>>},
    {ZYDIS_MNEMONIC_FLDLG2, select<execute_load_constant<kLog10Of2>>},
    {ZYDIS_MNEMONIC_FLDLN2, select<execute_load_constant<kLnOf2>>},
    {ZYDIS_MNEMONIC_FST, select_store<0>},
    {ZYDIS_MNEMONIC_FSTP, select_store<1>},
    {ZYDIS_MNEMONIC_FSTPNCE, select<execute_store_unchecked>},
    {ZYDIS_MNEMONIC_FIST, select_store_integer<0, Mode::kCurrent>},
    {ZYDIS_MNEMONIC_FISTP, select_store_integer<1, Mode::kCurrent>},
    {ZYDIS_MNEMONIC_FISTTP, select_store_integer<1, Mode::kTruncate>},
    {ZYDIS_MNEMONIC_FBSTP, select<execute_store_decimal>},
    {ZYDIS_MNEMONIC_FXCH, select<execute_exchange>},
    {ZYDIS_MNEMONIC_FCMOVB, kConditionalMove<kCarry, Wanted::kSet>},
    {ZYDIS_MNEMONIC_FCMOVE, kConditionalMove<kZero, Wanted::kSet>},
    {ZYDIS_MNEMONIC_FCMOVBE, kConditionalMove<kCarry | kZero, Wanted::kSet>},
    {ZYDIS_MNEMONIC_FCMOVU, kConditionalMove<kParity, Wanted::kSet>},
    {ZYDIS_MNEMONIC_FCMOVNB, kConditionalMove<kCarry, Wanted::kClear>},
    {ZYDIS_MNEMONIC_FCMOVNE, kConditionalMove<kZero, Wanted::kClear>},
    {ZYDIS_MNEMONIC_FCMOVNBE, kConditionalMove<kCarry | kZero, Wanted::kClear>},
    {ZYDIS_MNEMONIC_FCMOVNU, kConditionalMove<kParity, Wanted::kClear>},
    {ZYDIS_MNEMONIC_FINCSTP, select<execute_rotate<1>>},
    {ZYDIS_MNEMONIC_FDECSTP, select<execute_rotate<-1>>},
    {ZYDIS_MNEMONIC_FFREE, select<execute_free<0>>},
    {ZYDIS_MNEMONIC_FFREEP, select<execute_free<1>>},
    {ZYDIS_MNEMONIC_FNOP, select<execute_nothing>},
};

}  // namespace

std::span<const Row> transfer_rows() {
  return kRows;
}

}  // namespace orrery::hypervisor::soft::x87
