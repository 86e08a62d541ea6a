// ADD, SUB, CMP and their like: one body for all two-operand arithmetic, and the selector that
// instantiates it per width and operand kinds. Included by the files that list the mnemonics.
#pragma once

#include "hypervisor/soft/interpret/operand_access.hpp"

namespace orrery::hypervisor::soft::integer {

template <typename Operation, typename T, OperandKind destination, OperandKind source>
void execute_binary(Cpu& cpu, const Instruction& i) {
  const T right = source_value<T, source>(cpu, i);
  const bool carry = Operation::kUsesCarry && cpu.flags.carry();
  T left{};
  T result{};
  if constexpr (Operation::kWrites) {
    update_destination<T, destination>(cpu, i, [&](T old) {
      left = old;
      result = Operation::compute(left, right, carry);
      return result;
    });
  } else {
    left = destination_value<T, destination>(cpu, i);
    result = Operation::compute(left, right, carry);
  }
  Operation::set_flags(cpu.flags, left, right, result);
}

template <typename Operation, typename T, OperandKind destination, OperandKind source>
bool quick_binary(Cpu& cpu, const Instruction& i) {
  T right{};
  if (!quick_source<T, source>(cpu, i, right)) return false;
  const bool carry = Operation::kUsesCarry && cpu.flags.carry();
  T left{};
  T result{};
  if constexpr (Operation::kWrites) {
    if (!quick_update_destination<T, destination>(cpu, i, [&](T old) {
          left = old;
          result = Operation::compute(left, right, carry);
          return result;
        })) {
      return false;
    }
  } else {
    if (!quick_destination<T, destination>(cpu, i, left)) return false;
    result = Operation::compute(left, right, carry);
  }
  Operation::set_flags(cpu.flags, left, right, result);
  return true;
}

template <typename Operation>
bool select_binary(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_two_operands(decoded, [&]<OperandKind destination, OperandKind source>() {
                return for_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return quick_step_for<quick_binary<Operation, T, destination, source>,
                                        execute_binary<Operation, T, destination, source>,
                                        destination, source>();
                });
              }));
}

}  // namespace orrery::hypervisor::soft::integer
