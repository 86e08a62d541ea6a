// Operands of integer instructions as template parameters, so that each form's handler is straight
// code: a body is written once over the kinds of its operands and instantiated per form.
#pragma once

#include <cstdint>
#include <utility>

#include "hypervisor/soft/decode/operands.hpp"
#include "hypervisor/soft/interpret/handler.hpp"

namespace orrery::hypervisor::soft {

template <typename T, OperandKind kind>
inline T source_value(Cpu& cpu, const Instruction& i) {
  if constexpr (kind == OperandKind::kRegister) {
    return cpu.reg<T>(i.source);
  } else if constexpr (kind == OperandKind::kMemory) {
    return cpu.load<T>(i);
  } else {
    return static_cast<T>(i.immediate);
  }
}

template <typename T, OperandKind kind>
inline T destination_value(Cpu& cpu, const Instruction& i) {
  static_assert(kind == OperandKind::kRegister || kind == OperandKind::kMemory);
  if constexpr (kind == OperandKind::kRegister) {
    return cpu.reg<T>(i.destination);
  } else {
    return cpu.load<T>(i);
  }
}

template <typename T, OperandKind kind>
inline void set_destination(Cpu& cpu, const Instruction& i, T value) {
  static_assert(kind == OperandKind::kRegister || kind == OperandKind::kMemory);
  if constexpr (kind == OperandKind::kRegister) {
    cpu.set_reg<T>(i.destination, value);
  } else {
    cpu.store<T>(i, value);
  }
}

// Read-modify-write; see Cpu::modify for what FUNCTION may do.
template <typename T, OperandKind kind, typename Function>
inline void update_destination(Cpu& cpu, const Instruction& i, Function function) {
  static_assert(kind == OperandKind::kRegister || kind == OperandKind::kMemory);
  if constexpr (kind == OperandKind::kRegister) {
    cpu.set_reg<T>(i.destination, function(cpu.reg<T>(i.destination)));
  } else {
    cpu.modify<T>(i, function);
  }
}

// The quick ways (Cpu::quick_address): false where that needs care.
template <typename T, OperandKind kind>
[[gnu::always_inline]] inline bool quick_source(Cpu& cpu, const Instruction& i, T& value) {
  if constexpr (kind == OperandKind::kMemory) {
    std::uint64_t host = 0;
    if (!cpu.quick_address<T, Access::kRead>(i, host)) return false;
    value = Cpu::load_host<T>(host);
  } else {
    value = source_value<T, kind>(cpu, i);
  }
  return true;
}

template <typename T, OperandKind kind>
[[gnu::always_inline]] inline bool quick_destination(Cpu& cpu, const Instruction& i, T& value) {
  if constexpr (kind == OperandKind::kMemory) {
    return quick_source<T, kind>(cpu, i, value);
  } else {
    value = destination_value<T, kind>(cpu, i);
    return true;
  }
}

template <typename T, OperandKind kind>
[[gnu::always_inline]] inline bool quick_set_destination(Cpu& cpu, const Instruction& i, T value) {
  if constexpr (kind == OperandKind::kMemory) {
    std::uint64_t host = 0;
    if (!cpu.quick_address<T, Access::kWrite>(i, host)) return false;
    Cpu::store_host<T>(host, value);
  } else {
    cpu.set_reg<T>(i.destination, value);
  }
  return true;
}

// Locked instructions need care.
template <typename T, OperandKind kind, typename Function>
[[gnu::always_inline]] inline bool quick_update_destination(Cpu& cpu, const Instruction& i,
                                                            Function function) {
  if constexpr (kind == OperandKind::kMemory) {
    std::uint64_t host = 0;
    if (i.locked || !cpu.quick_address<T, Access::kWrite>(i, host)) return false;
    Cpu::store_host<T>(host, function(Cpu::load_host<T>(host)));
  } else {
    update_destination<T, kind>(cpu, i, function);
  }
  return true;
}

// The handler for a body that faults only through its memory operands.
template <auto body, OperandKind... kinds>
constexpr Handler step_for() {
  if constexpr (((kinds == OperandKind::kMemory) || ...)) {
    return &step<body>;
  } else {
    return &step_calmly<body>;
  }
}

// The same where there is a quick way.
template <auto quick, auto body, OperandKind... kinds>
constexpr Handler quick_step_for() {
  if constexpr (((kinds == OperandKind::kMemory) || ...)) {
    return &step_quickly<quick, body>;
  } else {
    return &step_calmly<body>;
  }
}

// Calls FUNCTION<kind> with the kind of explicit operand INDEX, which must be a register or memory.
template <typename Function>
Handler for_register_or_memory(const Decoded& decoded, unsigned index, Function&& function) {
  switch (kind_of(decoded, index)) {
    case OperandKind::kRegister:
      return std::forward<Function>(function).template operator()<OperandKind::kRegister>();
    case OperandKind::kMemory:
      return std::forward<Function>(function).template operator()<OperandKind::kMemory>();
    default: return nullptr;
  }
}

// Calls FUNCTION<destination, source> with the kinds of the first two explicit operands.
template <typename Function>
Handler for_two_operands(const Decoded& decoded, Function&& function) {
  using enum OperandKind;
  const OperandKind destination = kind_of(decoded, 0);
  const OperandKind source = kind_of(decoded, 1);
  if (destination == kRegister && source == kRegister) {
    return std::forward<Function>(function).template operator()<kRegister, kRegister>();
  }
  if (destination == kRegister && source == kMemory) {
    return std::forward<Function>(function).template operator()<kRegister, kMemory>();
  }
  if (destination == kRegister && source == kImmediate) {
    return std::forward<Function>(function).template operator()<kRegister, kImmediate>();
  }
  if (destination == kMemory && source == kRegister) {
    return std::forward<Function>(function).template operator()<kMemory, kRegister>();
  }
  if (destination == kMemory && source == kImmediate) {
    return std::forward<Function>(function).template operator()<kMemory, kImmediate>();
  }
  return nullptr;
}

// Ends a selector: stores the handler, or says that there is none.
inline bool take(Instruction& record, Handler handler) {
  record.handler = handler;
  return handler != nullptr;
}

}  // namespace orrery::hypervisor::soft
