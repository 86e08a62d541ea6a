// SETcc and CMOVcc (SDM vol. 2).
#include "hypervisor/soft/interpret/control/condition.hpp"
#include "hypervisor/soft/interpret/control/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"

namespace orrery::hypervisor::soft::control {
namespace {

template <Condition condition, OperandKind destination>
void execute_set(Cpu& cpu, const Instruction& i) {
  set_destination<std::uint8_t, destination>(cpu, i, holds<condition>(cpu.flags) ? 1 : 0);
}

template <Condition condition>
bool select_set(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 0, []<OperandKind destination>() -> Handler {
                return step_for<execute_set<condition, destination>, destination>();
              }));
}

// The source is read whatever the condition; a 32-bit destination loses its upper half either way.
template <Condition condition, typename T, OperandKind source>
void execute_move_if(Cpu& cpu, const Instruction& i) {
  const T moved = source_value<T, source>(cpu, i);
  const T kept = cpu.reg<T>(i.destination);
  cpu.set_reg<T>(i.destination, holds<condition>(cpu.flags) ? moved : kept);
}

template <Condition condition>
bool select_move_if(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 1, [&]<OperandKind source>() {
                return for_wide_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return step_for<execute_move_if<condition, T, source>, source>();
                });
              }));
}

}  // namespace

std::span<const Row> conditional_data_rows() {
  using enum Condition;
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_SETO, select_set<kOverflow>},
      {ZYDIS_MNEMONIC_SETNO, select_set<kNotOverflow>},
      {ZYDIS_MNEMONIC_SETB, select_set<kBelow>},
      {ZYDIS_MNEMONIC_SETNB, select_set<kNotBelow>},
      {ZYDIS_MNEMONIC_SETZ, select_set<kZero>},
      {ZYDIS_MNEMONIC_SETNZ, select_set<kNotZero>},
      {ZYDIS_MNEMONIC_SETBE, select_set<kBelowOrEqual>},
      {ZYDIS_MNEMONIC_SETNBE, select_set<kNotBelowOrEqual>},
      {ZYDIS_MNEMONIC_SETS, select_set<kSign>},
      {ZYDIS_MNEMONIC_SETNS, select_set<kNotSign>},
      {ZYDIS_MNEMONIC_SETP, select_set<kParity>},
      {ZYDIS_MNEMONIC_SETNP, select_set<kNotParity>},
      {ZYDIS_MNEMONIC_SETL, select_set<kLess>},
      {ZYDIS_MNEMONIC_SETNL, select_set<kNotLess>},
      {ZYDIS_MNEMONIC_SETLE, select_set<kLessOrEqual>},
      {ZYDIS_MNEMONIC_SETNLE, select_set<kNotLessOrEqual>},
      {ZYDIS_MNEMONIC_CMOVO, select_move_if<kOverflow>},
      {ZYDIS_MNEMONIC_CMOVNO, select_move_if<kNotOverflow>},
      {ZYDIS_MNEMONIC_CMOVB, select_move_if<kBelow>},
      {ZYDIS_MNEMONIC_CMOVNB, select_move_if<kNotBelow>},
      {ZYDIS_MNEMONIC_CMOVZ, select_move_if<kZero>},
      {ZYDIS_MNEMONIC_CMOVNZ, select_move_if<kNotZero>},
      {ZYDIS_MNEMONIC_CMOVBE, select_move_if<kBelowOrEqual>},
      {ZYDIS_MNEMONIC_CMOVNBE, select_move_if<kNotBelowOrEqual>},
      {ZYDIS_MNEMONIC_CMOVS, select_move_if<kSign>},
      {ZYDIS_MNEMONIC_CMOVNS, select_move_if<kNotSign>},
      {ZYDIS_MNEMONIC_CMOVP, select_move_if<kParity>},
      {ZYDIS_MNEMONIC_CMOVNP, select_move_if<kNotParity>},
      {ZYDIS_MNEMONIC_CMOVL, select_move_if<kLess>},
      {ZYDIS_MNEMONIC_CMOVNL, select_move_if<kNotLess>},
      {ZYDIS_MNEMONIC_CMOVLE, select_move_if<kLessOrEqual>},
      {ZYDIS_MNEMONIC_CMOVNLE, select_move_if<kNotLessOrEqual>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::control
