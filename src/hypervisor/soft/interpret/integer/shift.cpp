// SHL, SHR, SAR, ROL, ROR, RCL, RCR, SHLD, SHRD (SDM vol. 2). A count of zero leaves the flags, but
// the operand is still written: a 32-bit register loses its upper half, a page must be writable.
#include "hypervisor/soft/interpret/integer/shift.hpp"

#include "hypervisor/soft/interpret/integer/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"

namespace orrery::hypervisor::soft::integer {
namespace {

inline constexpr std::uint8_t kClOffset = register_offset(1);

template <typename T, OperandKind destination>
void rewrite_unchanged(Cpu& cpu, const Instruction& i) {
  update_destination<T, destination>(cpu, i, [](T old) { return old; });
}

// The masked count; immediates have been masked by the selector.
template <typename T, OperandKind count>
unsigned masked_count(Cpu& cpu, const Instruction& i) {
  if constexpr (count == OperandKind::kImmediate) {
    return i.extra;
  } else {
    return cpu.reg<std::uint8_t>(kClOffset) & kCountMask<T>;
  }
}

// An immediate count is not zero here.
template <typename Operation, typename T, OperandKind destination, OperandKind count_kind>
void execute_shift(Cpu& cpu, const Instruction& i) {
  const unsigned count = masked_count<T, count_kind>(cpu, i);
  if (count_kind == OperandKind::kRegister && count == 0) [[unlikely]] {
    return rewrite_unchanged<T, destination>(cpu, i);
  }
  const bool carry = cpu.flags.carry();
  Shifted<T> shifted{};
  update_destination<T, destination>(cpu, i, [&](T old) {
    shifted = Operation::compute(old, count, carry);
    return shifted.value;
  });
  if constexpr (Operation::kShifts) {
    cpu.flags.set_shifted(shifted.value, shifted.carry, shifted.overflow);
  } else {
    cpu.flags.set_carry_overflow(shifted.carry, shifted.overflow);
  }
}

template <typename Operation, typename T, OperandKind destination, OperandKind count_kind>
void execute_double_shift(Cpu& cpu, const Instruction& i) {
  const unsigned count = masked_count<T, count_kind>(cpu, i);
  if (count_kind == OperandKind::kRegister && count == 0) [[unlikely]] {
    return rewrite_unchanged<T, destination>(cpu, i);
  }
  const T fill = cpu.reg<T>(i.source);
  Shifted<T> shifted{};
  update_destination<T, destination>(cpu, i, [&](T old) {
    shifted = Operation::compute(old, fill, count);
    return shifted.value;
  });
  cpu.flags.set_shifted(shifted.value, shifted.carry, shifted.overflow);
}

// Handler by the kind of the count, which is explicit operand COUNT_INDEX: CL, an immediate, or an
// immediate that masks to zero. MAKE<T, destination, count kind> names it for the first two.
template <unsigned count_index, typename Make>
bool select_counted(const Decoded& decoded, Instruction& record, Make make) {
  using enum OperandKind;
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 0, [&]<OperandKind destination>() {
                return for_width(width_of(decoded, 0), [&]<typename T>() -> Handler {
                  if (!is_immediate(decoded, count_index)) {
                    return make.template operator()<T, destination, kRegister>();
                  }
                  const std::uint64_t given = decoded.operands[count_index].imm.value.u;
                  record.extra = static_cast<std::uint8_t>(given & kCountMask<T>);
                  return record.extra == 0
                             ? step_for<rewrite_unchanged<T, destination>, destination>()
                             : make.template operator()<T, destination, kImmediate>();
                });
              }));
}

template <typename Operation>
bool select_shift(const Decoded& decoded, Instruction& record) {
  return select_counted<1>(
      decoded, record, []<typename T, OperandKind destination, OperandKind count>() -> Handler {
        return step_for<execute_shift<Operation, T, destination, count>, destination>();
      });
}

template <typename Operation>
bool select_double_shift(const Decoded& decoded, Instruction& record) {
  return select_counted<2>(
      decoded, record, []<typename T, OperandKind destination, OperandKind count>() -> Handler {
        if constexpr (sizeof(T) == 1) {
          return nullptr;
        } else {
          return step_for<execute_double_shift<Operation, T, destination, count>, destination>();
        }
      });
}

}  // namespace

std::span<const Row> shift_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_SHL, select_shift<ShiftLeft>},
      {ZYDIS_MNEMONIC_SHR, select_shift<ShiftRight>},
      {ZYDIS_MNEMONIC_SAR, select_shift<ShiftArithmeticRight>},
      {ZYDIS_MNEMONIC_ROL, select_shift<RotateLeft>},
      {ZYDIS_MNEMONIC_ROR, select_shift<RotateRight>},
      {ZYDIS_MNEMONIC_RCL, select_shift<RotateCarryLeft>},
      {ZYDIS_MNEMONIC_RCR, select_shift<RotateCarryRight>},
      {ZYDIS_MNEMONIC_SHLD, select_double_shift<ShiftDoubleLeft>},
      {ZYDIS_MNEMONIC_SHRD, select_double_shift<ShiftDoubleRight>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
