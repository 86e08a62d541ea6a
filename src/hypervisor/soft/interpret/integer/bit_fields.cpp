// BMI1, BMI2 and ADX: bit fields, deposits and extracts, shifts and products that leave the flags,
// and additions with a carry of their own (SDM vol. 1, 5.1.16; vol. 2 under each name).
#include <bit>

#include "hypervisor/soft/interpret/integer/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"
#include "hypervisor/soft/interpret/vex.hpp"

namespace orrery::hypervisor::soft::integer {
namespace {

using namespace x86::rflags;

// Each computes from the operand in a register or memory and the one that is always a register.

template <typename T>
std::uint64_t zero_and_sign(T value) {
  return (value == 0 ? kZero : 0) | ((value >> (sizeof(T) * 8 - 1)) != 0 ? kSign : 0);
}

// The low COUNT bits.
template <typename T>
constexpr T low_bits(unsigned count) {
  return count >= sizeof(T) * 8 ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << count) - 1);
}

struct AndNot {
  template <typename T>
  static T compute(Cpu& cpu, T value, T inverted) {
    const T result = value & ~inverted;
    cpu.flags.set_bits(zero_and_sign(result));
    return result;
  }
};

// Bits 7..0 of the control are where the field starts, bits 15..8 its length.
struct ExtractField {
  template <typename T>
  static T compute(Cpu& cpu, T value, T control) {
    const unsigned start = control & 0xff;
    const unsigned length = (control >> 8) & 0xff;
    const T shifted = start >= sizeof(T) * 8 ? T{0} : static_cast<T>(value >> start);
    const T result = shifted & low_bits<T>(length);
    cpu.flags.set_bits(result == 0 ? kZero : 0);
    return result;
  }
};

struct ZeroHighBits {
  template <typename T>
  static T compute(Cpu& cpu, T value, T index) {
    const unsigned first = index & 0xff;
    const T result = value & low_bits<T>(first);
    cpu.flags.set_bits(zero_and_sign(result) | (first >= sizeof(T) * 8 ? kCarry : 0));
    return result;
  }
};

struct LowestBit {
  template <typename T>
  static T compute(Cpu& cpu, T value, T) {
    const auto result = static_cast<T>(value & (0 - value));
    cpu.flags.set_bits(zero_and_sign(result) | (value != 0 ? kCarry : 0));
    return result;
  }
};

struct MaskToLowestBit {
  template <typename T>
  static T compute(Cpu& cpu, T value, T) {
    const auto result = static_cast<T>(value ^ (value - 1));
    cpu.flags.set_bits(zero_and_sign(result) | (value == 0 ? kCarry : 0));
    return result;
  }
};

struct ResetLowestBit {
  template <typename T>
  static T compute(Cpu& cpu, T value, T) {
    const auto result = static_cast<T>(value & (value - 1));
    cpu.flags.set_bits(zero_and_sign(result) | (value == 0 ? kCarry : 0));
    return result;
  }
};

// The low bits of SOURCE to the places that MASK names, lowest first; and back.
struct Deposit {
  template <typename T>
  static T compute(Cpu&, T mask, T source) {
    T result = 0;
    for (; mask != 0; mask &= mask - 1, source >>= 1) {
      if ((source & 1) != 0) result |= mask & (0 - mask);
    }
    return result;
  }
};
struct Extract {
  template <typename T>
  static T compute(Cpu&, T mask, T source) {
    T result = 0;
    for (unsigned place = 0; mask != 0; mask &= mask - 1, ++place) {
      if ((source & mask & (0 - mask)) != 0) result |= T{1} << place;
    }
    return result;
  }
};

struct ShiftLeft {
  template <typename T>
  static T compute(Cpu&, T value, T count) {
    return value << (count % (sizeof(T) * 8));
  }
};
struct ShiftRight {
  template <typename T>
  static T compute(Cpu&, T value, T count) {
    return value >> (count % (sizeof(T) * 8));
  }
};
struct ShiftArithmeticRight {
  template <typename T>
  static T compute(Cpu&, T value, T count) {
    return static_cast<T>(static_cast<std::make_signed_t<T>>(value) >> (count % (sizeof(T) * 8)));
  }
};

// VEX-encoded: destination, and the two operands in either order.
template <typename Operation, typename T, OperandKind source>
void execute_vex_binary(Cpu& cpu, const Instruction& i) {
  require_vex(cpu);
  const T value = source_value<T, source>(cpu, i);
  cpu.set_reg<T>(i.destination, Operation::compute(cpu, value, cpu.reg<T>(i.extra)));
}

template <typename T, OperandKind source>
void execute_rotate(Cpu& cpu, const Instruction& i) {
  require_vex(cpu);
  const auto count = static_cast<int>(i.immediate % (sizeof(T) * 8));
  cpu.set_reg<T>(i.destination, std::rotr(source_value<T, source>(cpu, i), count));
}

// MULX: rDX times the operand; the high half wins where both go to one register.
template <typename T, OperandKind source>
void execute_multiply(Cpu& cpu, const Instruction& i) {
  require_vex(cpu);
  using Wide = std::conditional_t<sizeof(T) == 8, unsigned __int128, std::uint64_t>;
  const Wide product = Wide{cpu.reg<T>(register_offset(2))} * Wide{source_value<T, source>(cpu, i)};
  cpu.set_reg<T>(i.extra, static_cast<T>(product));
  cpu.set_reg<T>(i.destination, static_cast<T>(product >> (sizeof(T) * 8)));
}

// ADCX and ADOX: the carry lives in one flag, the five others stay.
template <std::uint64_t flag, typename T, OperandKind source>
void execute_add_with(Cpu& cpu, const Instruction& i) {
  const T value = source_value<T, source>(cpu, i);
  const std::uint64_t flags = cpu.flags.bits();
  T sum = 0;
  bool carry = __builtin_add_overflow(cpu.reg<T>(i.destination), value, &sum);
  carry |= __builtin_add_overflow(sum, static_cast<T>((flags & flag) != 0 ? 1 : 0), &sum);
  cpu.set_reg<T>(i.destination, sum);
  cpu.flags.set_bits((flags & ~flag) | (carry ? flag : 0));
}

// Chooses BODY<T, source> by the explicit operand SOURCE_INDEX, and the other register, if there
// is one, for Instruction::extra.
template <unsigned source_index, typename Make>
bool select_with(const Decoded& decoded, Instruction& record, Make make) {
  constexpr unsigned kOther = source_index == 1 ? 2 : 1;
  record.destination = register_field(decoded, 0);
  if (is_register(decoded, source_index)) record.source = register_field(decoded, source_index);
  if (is_register(decoded, kOther)) record.extra = register_field(decoded, kOther);
  return take(record, for_register_or_memory(decoded, source_index, [&]<OperandKind source>() {
                return width_of(decoded, 0) == 64
                           ? make.template operator()<std::uint64_t, source>()
                           : make.template operator()<std::uint32_t, source>();
              }));
}

template <typename Operation, unsigned source_index>
bool select_vex_binary(const Decoded& decoded, Instruction& record) {
  return select_with<source_index>(decoded, record,
                                   []<typename T, OperandKind source>() -> Handler {
                                     return &step<execute_vex_binary<Operation, T, source>>;
                                   });
}

bool select_rotate(const Decoded& decoded, Instruction& record) {
  return select_with<1>(decoded, record, []<typename T, OperandKind source>() -> Handler {
    return &step<execute_rotate<T, source>>;
  });
}

bool select_multiply(const Decoded& decoded, Instruction& record) {
  return select_with<2>(decoded, record, []<typename T, OperandKind source>() -> Handler {
    return &step<execute_multiply<T, source>>;
  });
}

template <std::uint64_t flag>
bool select_add_with(const Decoded& decoded, Instruction& record) {
  return select_with<1>(decoded, record, []<typename T, OperandKind source>() -> Handler {
    return step_for<execute_add_with<flag, T, source>, source>();
  });
}

}  // namespace

std::span<const Row> bit_field_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_ANDN, select_vex_binary<AndNot, 2>},
      {ZYDIS_MNEMONIC_BEXTR, select_vex_binary<ExtractField, 1>},
      {ZYDIS_MNEMONIC_BZHI, select_vex_binary<ZeroHighBits, 1>},
      {ZYDIS_MNEMONIC_BLSI, select_vex_binary<LowestBit, 1>},
      {ZYDIS_MNEMONIC_BLSMSK, select_vex_binary<MaskToLowestBit, 1>},
      {ZYDIS_MNEMONIC_BLSR, select_vex_binary<ResetLowestBit, 1>},
      {ZYDIS_MNEMONIC_PDEP, select_vex_binary<Deposit, 2>},
      {ZYDIS_MNEMONIC_PEXT, select_vex_binary<Extract, 2>},
      {ZYDIS_MNEMONIC_SHLX, select_vex_binary<ShiftLeft, 1>},
      {ZYDIS_MNEMONIC_SHRX, select_vex_binary<ShiftRight, 1>},
      {ZYDIS_MNEMONIC_SARX, select_vex_binary<ShiftArithmeticRight, 1>},
      {ZYDIS_MNEMONIC_RORX, select_rotate},
      {ZYDIS_MNEMONIC_MULX, select_multiply},
      {ZYDIS_MNEMONIC_ADCX, select_add_with<kCarry>},
      {ZYDIS_MNEMONIC_ADOX, select_add_with<kOverflow>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
