// BT, BTS, BTR, BTC, BSF, BSR, LZCNT, TZCNT, POPCNT, CRC32 (SDM vol. 2).
#include <array>
#include <bit>

#include "hypervisor/soft/interpret/integer/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"

namespace orrery::hypervisor::soft::integer {
namespace {

// ---- BT and its like: CF is the bit, the other flags stay ---------------------------------------

struct BitTest {
  static constexpr bool kWrites = false;
};
struct BitSet {
  static constexpr bool kWrites = true;
  template <typename T>
  static T compute(T value, T mask) {
    return static_cast<T>(value | mask);
  }
};
struct BitReset {
  static constexpr bool kWrites = true;
  template <typename T>
  static T compute(T value, T mask) {
    return static_cast<T>(value & ~mask);
  }
};
struct BitComplement {
  static constexpr bool kWrites = true;
  template <typename T>
  static T compute(T value, T mask) {
    return static_cast<T>(value ^ mask);
  }
};

template <typename T, OperandKind index_kind>
T bit_index(Cpu& cpu, const Instruction& i) {
  return index_kind == OperandKind::kImmediate ? static_cast<T>(i.immediate) : cpu.reg<T>(i.source);
}

template <typename T>
T bit_mask(T index) {
  return static_cast<T>(T{1} << (index % (sizeof(T) * 8)));
}

// An index in a register reaches beyond the operand, in both directions.
template <typename T>
std::uint64_t bit_string_linear(Cpu& cpu, const Instruction& i, T index, Access access) {
  const auto places = static_cast<std::int64_t>(static_cast<std::make_signed_t<T>>(index));
  const std::int64_t units = places >> std::countr_zero(sizeof(T) * 8);
  const std::uint64_t offset =
      cpu.effective_offset(i) + static_cast<std::uint64_t>(units) * sizeof(T);
  return cpu.segment_linear(static_cast<x86::SegmentRegister>(i.segment),
                            offset & address_mask(i.address_size), sizeof(T), access);
}

template <typename Operation, typename T, OperandKind destination, OperandKind index_kind>
void execute_bit(Cpu& cpu, const Instruction& i) {
  const T index = bit_index<T, index_kind>(cpu, i);
  const T mask = bit_mask(index);
  T before{};
  if constexpr (!Operation::kWrites) {
    if constexpr (destination == OperandKind::kMemory && index_kind == OperandKind::kRegister) {
      before = cpu.read<T>(bit_string_linear<T>(cpu, i, index, Access::kRead));
    } else {
      before = destination_value<T, destination>(cpu, i);
    }
  } else {
    const auto change = [&](T old) {
      before = old;
      return Operation::compute(old, mask);
    };
    if constexpr (destination == OperandKind::kMemory && index_kind == OperandKind::kRegister) {
      const std::uint64_t linear = bit_string_linear<T>(cpu, i, index, Access::kWrite);
      cpu.modify_linear<T>(linear, i.locked, change);
    } else {
      update_destination<T, destination>(cpu, i, change);
    }
  }
  cpu.flags.set_carry((before & mask) != 0);
}

template <typename Operation>
bool select_bit(const Decoded& decoded, Instruction& record) {
  using enum OperandKind;
  fill_registers(decoded, record);
  return take(
      record, for_register_or_memory(decoded, 0, [&]<OperandKind destination>() {
        return for_wide_width(width_of(decoded, 0), [&]<typename T>() -> Handler {
          return is_immediate(decoded, 1)
                     ? step_for<execute_bit<Operation, T, destination, kImmediate>, destination>()
                     : step_for<execute_bit<Operation, T, destination, kRegister>, destination>();
        });
      }));
}

// ---- Scans and counts: a register from a register or memory -------------------------------------

enum class Scan : std::uint8_t { kForward, kReverse };

// A source of zero leaves the destination alone (as AMD documents and all processors do). The
// undefined flags are cleared, as on AMD processors.
template <Scan scan>
struct BitScan {
  template <typename T>
  static void execute(Cpu& cpu, const Instruction& i, T value) {
    if (value != 0) {
      const int position = scan == Scan::kForward
                               ? std::countr_zero(value)
                               : static_cast<int>(sizeof(T) * 8) - 1 - std::countl_zero(value);
      cpu.set_reg<T>(i.destination, static_cast<T>(position));
    }
    cpu.flags.set_bits(value == 0 ? x86::rflags::kZero : 0);
  }
};

// LZCNT and TZCNT: zero bits at one end; CF says that there was nothing else.
template <Scan scan>
struct CountZeros {
  template <typename T>
  static void execute(Cpu& cpu, const Instruction& i, T value) {
    const int count = scan == Scan::kForward ? std::countr_zero(value) : std::countl_zero(value);
    cpu.set_reg<T>(i.destination, static_cast<T>(count));
    cpu.flags.set_bits((count == 0 ? x86::rflags::kZero : 0) |
                       (value == 0 ? x86::rflags::kCarry : 0));
  }
};

struct PopulationCount {
  template <typename T>
  static void execute(Cpu& cpu, const Instruction& i, T value) {
    cpu.set_reg<T>(i.destination, static_cast<T>(std::popcount(value)));
    cpu.flags.set_bits(value == 0 ? x86::rflags::kZero : 0);
  }
};

template <typename Operation, typename T, OperandKind source>
void execute_count(Cpu& cpu, const Instruction& i) {
  Operation::template execute<T>(cpu, i, source_value<T, source>(cpu, i));
}

template <typename Operation>
bool select_count(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 1, [&]<OperandKind source>() {
                return for_wide_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return step_for<execute_count<Operation, T, source>, source>();
                });
              }));
}

// ---- CRC32: the Castagnoli polynomial 11EDC6F41h, bits reflected --------------------------------

constexpr std::array<std::uint32_t, 256> kCrcOfByte = [] {
  constexpr std::uint32_t kReflectedPolynomial = 0x82f6'3b78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t remainder = byte;
    for (int place = 0; place < 8; ++place) {
      remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? kReflectedPolynomial : 0);
    }
    table[byte] = remainder;
  }
  return table;
}();

template <typename T, OperandKind source>
void execute_crc32(Cpu& cpu, const Instruction& i) {
  std::uint64_t data = source_value<T, source>(cpu, i);
  auto remainder = cpu.reg<std::uint32_t>(i.destination);
  for (unsigned byte = 0; byte < sizeof(T); ++byte) {
    remainder = remainder >> 8 ^ kCrcOfByte[(remainder ^ data) & 0xff];
    data >>= 8;
  }
  cpu.set_reg<std::uint32_t>(i.destination, remainder);  // also where the operand is 64 bits wide
}

bool select_crc32(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 1, [&]<OperandKind source>() {
                return for_width(width_of(decoded, 1), []<typename T>() -> Handler {
                  return step_for<execute_crc32<T, source>, source>();
                });
              }));
}

}  // namespace

std::span<const Row> bit_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_BT, select_bit<BitTest>},
      {ZYDIS_MNEMONIC_BTS, select_bit<BitSet>},
      {ZYDIS_MNEMONIC_BTR, select_bit<BitReset>},
      {ZYDIS_MNEMONIC_BTC, select_bit<BitComplement>},
      {ZYDIS_MNEMONIC_BSF, select_count<BitScan<Scan::kForward>>},
      {ZYDIS_MNEMONIC_BSR, select_count<BitScan<Scan::kReverse>>},
      {ZYDIS_MNEMONIC_TZCNT, select_count<CountZeros<Scan::kForward>>},
      {ZYDIS_MNEMONIC_LZCNT, select_count<CountZeros<Scan::kReverse>>},
      {ZYDIS_MNEMONIC_POPCNT, select_count<PopulationCount>},
      {ZYDIS_MNEMONIC_CRC32, select_crc32},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
