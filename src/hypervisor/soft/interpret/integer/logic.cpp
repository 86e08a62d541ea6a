// AND, OR, XOR, TEST, and the one-operand INC, DEC, NEG, NOT (SDM vol. 2).
#include "hypervisor/soft/interpret/integer/arithmetic.hpp"
#include "hypervisor/soft/interpret/integer/binary.hpp"
#include "hypervisor/soft/interpret/integer/rows.hpp"

namespace orrery::hypervisor::soft::integer {
namespace {

template <typename Operation, typename T, OperandKind destination>
void execute_unary(Cpu& cpu, const Instruction& i) {
  T before{};
  T result{};
  update_destination<T, destination>(cpu, i, [&](T old) {
    before = old;
    result = Operation::compute(old);
    return result;
  });
  Operation::set_flags(cpu.flags, before, result);
}

template <typename Operation, typename T, OperandKind destination>
bool quick_unary(Cpu& cpu, const Instruction& i) {
  T before{};
  T result{};
  if (!quick_update_destination<T, destination>(cpu, i, [&](T old) {
        before = old;
        result = Operation::compute(old);
        return result;
      })) {
    return false;
  }
  Operation::set_flags(cpu.flags, before, result);
  return true;
}

template <typename Operation>
bool select_unary(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 0, [&]<OperandKind destination>() {
                return for_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return quick_step_for<quick_unary<Operation, T, destination>,
                                        execute_unary<Operation, T, destination>, destination>();
                });
              }));
}

}  // namespace

std::span<const Row> logic_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_AND, select_binary<And>},
      {ZYDIS_MNEMONIC_OR, select_binary<Or>},
      {ZYDIS_MNEMONIC_XOR, select_binary<ExclusiveOr>},
      {ZYDIS_MNEMONIC_TEST, select_binary<Test>},
      {ZYDIS_MNEMONIC_INC, select_unary<Increment>},
      {ZYDIS_MNEMONIC_DEC, select_unary<Decrement>},
      {ZYDIS_MNEMONIC_NEG, select_unary<Negate>},
      {ZYDIS_MNEMONIC_NOT, select_unary<Complement>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
