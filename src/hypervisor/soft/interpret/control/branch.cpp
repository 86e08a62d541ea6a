// Near transfers: JMP, Jcc, CALL, RET, LOOP, LOOPE, LOOPNE, JCXZ, JECXZ, JRCXZ (SDM vol. 2).
//
// A conditional branch that is not taken goes on within its block; only a taken one leaves it. The
// target is checked before anything changes.
#include "hypervisor/soft/interpret/control/condition.hpp"
#include "hypervisor/soft/interpret/control/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"
#include "hypervisor/soft/interpret/system.hpp"

namespace orrery::hypervisor::soft::control {
namespace {

using x86::Gpr;

bool is_far(const Decoded& decoded) {
  return decoded.info.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
}

// T is the operand size, to which a target is cut.
template <typename T>
T relative_target(Cpu& cpu, const Instruction& i) {
  return static_cast<T>(cpu.gpr(kBlockRipSlot) + i.immediate);
}

template <typename T, OperandKind kind>
T target_of(Cpu& cpu, const Instruction& i) {
  if constexpr (kind == OperandKind::kImmediate) {
    return relative_target<T>(cpu, i);
  } else {
    return source_value<T, kind>(cpu, i);
  }
}

// Handler by operand size and kind of the only operand.
template <typename Make>
Handler for_target(const Decoded& decoded, Instruction& record, Make make) {
  if (is_register(decoded, 0)) record.source = register_field(decoded, 0);
  return for_wide_width(record.operand_size * 8u, [&]<typename T>() -> Handler {
    switch (kind_of(decoded, 0)) {
      case OperandKind::kRegister: return make.template operator()<T, OperandKind::kRegister>();
      case OperandKind::kMemory: return make.template operator()<T, OperandKind::kMemory>();
      case OperandKind::kImmediate: return make.template operator()<T, OperandKind::kImmediate>();
      default: return nullptr;
    }
  });
}

// ---- JMP, CALL, RET: quick ones for 64-bit code, where nothing can fault ----------------------

// Into a quick transfer's target; false where that needs care.
template <typename T, OperandKind kind>
[[gnu::always_inline]] inline bool quick_target(Cpu& cpu, const Instruction& i, T& target) {
  if constexpr (kind == OperandKind::kImmediate) {
    target = relative_target<T>(cpu, i);
    return true;
  } else {
    return quick_source<T, kind>(cpu, i, target);
  }
}

template <typename T, OperandKind kind>
void execute_jump(Cpu& cpu, const Instruction& i) {
  cpu.branch(target_of<T, kind>(cpu, i));
}

template <typename T, OperandKind kind>
void jump(Cpu& cpu, const Instruction* i) {
  T target{};
  if (!quick_target<T, kind>(cpu, *i, target)) {
    return leave_with_care<execute_jump<T, kind>>(cpu, i);
  }
  return transfer<T>(cpu, i, target);
}

bool select_jump(const Decoded& decoded, Instruction& record) {
  if (is_far(decoded)) return select_far_transfer(decoded, record);
  return take(record, for_target(decoded, record, []<typename T, OperandKind kind>() -> Handler {
                return &jump<T, kind>;
              }));
}

template <typename T, OperandKind kind>
void execute_call(Cpu& cpu, const Instruction& i) {
  cpu.branch(target_of<T, kind>(cpu, i));
  cpu.push<T>(static_cast<T>(cpu.next_rip(i)));
}

template <typename T, OperandKind kind>
void call(Cpu& cpu, const Instruction* i) {
  constexpr auto kMove = -static_cast<std::int64_t>(sizeof(T));
  T target{};
  std::uint64_t host = 0;
  if (!quick_target<T, kind>(cpu, *i, target) || !Cpu::is_canonical(target) ||
      !cpu.quick_stack_address<T, Access::kWrite>(kMove, host)) [[unlikely]] {
    return leave_with_care<execute_call<T, kind>>(cpu, i);
  }
  Cpu::store_host<T>(host, static_cast<T>(cpu.next_rip(*i)));
  cpu.gpr(Gpr::kRsp) -= sizeof(T);
  return transfer<T>(cpu, i, target);
}

bool select_call(const Decoded& decoded, Instruction& record) {
  if (is_far(decoded)) return select_far_transfer(decoded, record);
  return take(record, for_target(decoded, record, []<typename T, OperandKind kind>() -> Handler {
                return &call<T, kind>;
              }));
}

// RSP stays where it was if the target is refused.
template <typename T>
void execute_return(Cpu& cpu, const Instruction& i) {
  cpu.branch(cpu.top_of_stack<T>());
  cpu.gpr(Gpr::kRsp) = cpu.stack_pointer_moved(static_cast<std::int64_t>(sizeof(T) + i.immediate));
}

template <typename T>
void near_return(Cpu& cpu, const Instruction* i) {
  std::uint64_t host = 0;
  if (!cpu.quick_stack_address<T, Access::kRead>(0, host)) [[unlikely]] {
    return leave_with_care<execute_return<T>>(cpu, i);
  }
  const T target = Cpu::load_host<T>(host);
  if (!Cpu::is_canonical(target)) [[unlikely]] {
    return leave_with_care<execute_return<T>>(cpu, i);
  }
  cpu.gpr(Gpr::kRsp) += sizeof(T) + i->immediate;
  return transfer<T>(cpu, i, target);
}

bool select_return(const Decoded& decoded, Instruction& record) {
  if (is_far(decoded)) return select_far_transfer(decoded, record);
  record.immediate &= 0xffff;
  return take(record, for_wide_width(record.operand_size * 8u,
                                     []<typename T>() -> Handler { return &near_return<T>; }));
}

// ---- Conditional branches -----------------------------------------------------------------------

template <auto is_taken, typename T>
void branch_if(Cpu& cpu, const Instruction* i) {
  if (!is_taken(cpu, *i)) return i[1].handler(cpu, i + 1);
  return transfer<T>(cpu, i, relative_target<T>(cpu, *i));
}

template <Condition condition>
bool flags_hold(Cpu& cpu, const Instruction&) {
  return holds<condition>(cpu.flags);
}

// T is the address size's counter.
template <typename T>
bool counter_is_zero(Cpu& cpu, const Instruction&) {
  return cpu.reg<T>(register_offset(1)) == 0;
}

template <auto is_taken>
bool select_conditional(const Decoded&, Instruction& record) {
  return take(record, for_wide_width(record.operand_size * 8u, []<typename T>() -> Handler {
                return &branch_if<is_taken, T>;
              }));
}

// ---- LOOP: counts by address size ---------------------------------------------------------------

struct LoopAlways {
  static bool goes_on(const LazyFlags&) { return true; }
};
struct LoopWhileEqual {
  static bool goes_on(const LazyFlags& flags) { return flags.is_zero(); }
};
struct LoopWhileNotEqual {
  static bool goes_on(const LazyFlags& flags) { return !flags.is_zero(); }
};

// The counter is written last: a refused target changes nothing.
template <typename Kind, typename T, typename Counter>
void loop(Cpu& cpu, const Instruction* i) {
  const auto count = static_cast<Counter>(cpu.reg<Counter>(register_offset(1)) - 1);
  const bool taken = count != 0 && Kind::goes_on(cpu.flags);
  if (taken) {
    cpu.set_current(i);
    cpu.branch(relative_target<T>(cpu, *i));
  }
  cpu.set_reg<Counter>(register_offset(1), count);
  return taken ? leave_block(cpu, i) : i[1].handler(cpu, i + 1);
}

template <typename Kind>
bool select_loop(const Decoded&, Instruction& record) {
  return take(record, for_wide_width(record.operand_size * 8u, [&]<typename T>() -> Handler {
                return for_wide_width(record.address_size * 8u, []<typename Counter>() -> Handler {
                  return &loop<Kind, T, Counter>;
                });
              }));
}

}  // namespace

std::span<const Row> branch_rows() {
  using enum Condition;
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_JMP, select_jump, Ends::kBlock},
      {ZYDIS_MNEMONIC_CALL, select_call, Ends::kBlock},
      {ZYDIS_MNEMONIC_RET, select_return, Ends::kBlock},
      {ZYDIS_MNEMONIC_JO, select_conditional<flags_hold<kOverflow>>},
      {ZYDIS_MNEMONIC_JNO, select_conditional<flags_hold<kNotOverflow>>},
      {ZYDIS_MNEMONIC_JB, select_conditional<flags_hold<kBelow>>},
      {ZYDIS_MNEMONIC_JNB, select_conditional<flags_hold<kNotBelow>>},
      {ZYDIS_MNEMONIC_JZ, select_conditional<flags_hold<kZero>>},
      {ZYDIS_MNEMONIC_JNZ, select_conditional<flags_hold<kNotZero>>},
      {ZYDIS_MNEMONIC_JBE, select_conditional<flags_hold<kBelowOrEqual>>},
      {ZYDIS_MNEMONIC_JNBE, select_conditional<flags_hold<kNotBelowOrEqual>>},
      {ZYDIS_MNEMONIC_JS, select_conditional<flags_hold<kSign>>},
      {ZYDIS_MNEMONIC_JNS, select_conditional<flags_hold<kNotSign>>},
      {ZYDIS_MNEMONIC_JP, select_conditional<flags_hold<kParity>>},
      {ZYDIS_MNEMONIC_JNP, select_conditional<flags_hold<kNotParity>>},
      {ZYDIS_MNEMONIC_JL, select_conditional<flags_hold<kLess>>},
      {ZYDIS_MNEMONIC_JNL, select_conditional<flags_hold<kNotLess>>},
      {ZYDIS_MNEMONIC_JLE, select_conditional<flags_hold<kLessOrEqual>>},
      {ZYDIS_MNEMONIC_JNLE, select_conditional<flags_hold<kNotLessOrEqual>>},
      {ZYDIS_MNEMONIC_JCXZ, select_conditional<counter_is_zero<std::uint16_t>>},
      {ZYDIS_MNEMONIC_JECXZ, select_conditional<counter_is_zero<std::uint32_t>>},
      {ZYDIS_MNEMONIC_JRCXZ, select_conditional<counter_is_zero<std::uint64_t>>},
      {ZYDIS_MNEMONIC_LOOP, select_loop<LoopAlways>},
      {ZYDIS_MNEMONIC_LOOPE, select_loop<LoopWhileEqual>},
      {ZYDIS_MNEMONIC_LOOPNE, select_loop<LoopWhileNotEqual>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::control
