// PUSH, POP, PUSHA, POPA, ENTER, LEAVE (SDM vol. 2).
#include <array>

#include "hypervisor/soft/interpret/operand_access.hpp"
#include "hypervisor/soft/interpret/system.hpp"

namespace orrery::hypervisor::soft {
namespace {

using x86::Gpr;
using x86::SegmentRegister;

// Linear address of SIZE bytes at OFFSET of the stack segment, cut to the stack's address size.
std::uint64_t stack_linear(Cpu& cpu, std::uint64_t offset, unsigned size, Access access) {
  return cpu.segment_linear(SegmentRegister::kSs, offset & address_mask(cpu.stack_address_size()),
                            size, access);
}

// ---- PUSH and POP -------------------------------------------------------------------------------

// PUSH SP pushes the value before; the memory operand of PUSH is addressed with RSP as it was.
template <typename T, OperandKind source>
void execute_push(Cpu& cpu, const Instruction& i) {
  cpu.push<T>(source_value<T, source>(cpu, i));
}

template <typename T, OperandKind source>
bool quick_push(Cpu& cpu, const Instruction& i) {
  constexpr auto kMove = -static_cast<std::int64_t>(sizeof(T));
  T value{};
  std::uint64_t host = 0;
  if (!quick_source<T, source>(cpu, i, value) ||
      !cpu.quick_stack_address<T, Access::kWrite>(kMove, host)) {
    return false;
  }
  Cpu::store_host<T>(host, value);
  cpu.gpr(Gpr::kRsp) -= sizeof(T);
  return true;
}

template <typename T, OperandKind source>
constexpr Handler kPush = &step_quickly<quick_push<T, source>, execute_push<T, source>>;

template <typename T>
void execute_push_segment(Cpu& cpu, const Instruction& i) {
  cpu.push<T>(cpu.state[static_cast<SegmentRegister>(i.source)].selector);
}

bool is_segment_register(const Decoded& decoded) {
  return is_register(decoded, 0) && !is_gpr(decoded.operands[0].reg.value);
}

bool select_push(const Decoded& decoded, Instruction& record) {
  if (is_register(decoded, 0)) record.source = register_field(decoded, 0);
  return take(record, for_wide_width(record.operand_size * 8u, [&]<typename T>() -> Handler {
                if (is_segment_register(decoded)) return &step<execute_push_segment<T>>;
                switch (kind_of(decoded, 0)) {
                  case OperandKind::kRegister: return kPush<T, OperandKind::kRegister>;
                  case OperandKind::kMemory: return kPush<T, OperandKind::kMemory>;
                  default: return kPush<T, OperandKind::kImmediate>;
                }
              }));
}

template <typename T>
void execute_pop(Cpu& cpu, const Instruction& i) {
  cpu.set_reg<T>(i.destination, cpu.pop<T>());
}

template <typename T>
bool quick_pop(Cpu& cpu, const Instruction& i) {
  std::uint64_t host = 0;
  if (!cpu.quick_stack_address<T, Access::kRead>(0, host)) return false;
  cpu.gpr(Gpr::kRsp) += sizeof(T);
  cpu.set_reg<T>(i.destination, Cpu::load_host<T>(host));
  return true;
}

// A memory operand based on RSP is addressed with RSP already moved.
template <typename T>
void execute_pop_memory(Cpu& cpu, const Instruction& i) {
  const std::uint64_t before = cpu.gpr(Gpr::kRsp);
  const T value = cpu.pop<T>();
  try {
    cpu.store<T>(i, value);
  } catch (...) {
    cpu.gpr(Gpr::kRsp) = before;
    throw;
  }
}

bool select_pop(const Decoded& decoded, Instruction& record) {
  if (is_segment_register(decoded)) return select_segment_pop(decoded, record);
  fill_registers(decoded, record);
  return take(record, for_wide_width(record.operand_size * 8u, [&]<typename T>() -> Handler {
                return is_memory(decoded, 0) ? &step<execute_pop_memory<T>>
                                             : &step_quickly<quick_pop<T>, execute_pop<T>>;
              }));
}

// ---- PUSHA and POPA -----------------------------------------------------------------------------

inline constexpr unsigned kPushed = 8;  // rAX, rCX, rDX, rBX, rSP, rBP, rSI, rDI in this order

// Where the Nth of them lies when the stack pointer was TOP before PUSHA.
template <typename T>
std::uint64_t pushed_linear(Cpu& cpu, std::uint64_t top, unsigned n, Access access) {
  return stack_linear(cpu, top - (n + 1) * sizeof(T), sizeof(T), access);
}

template <typename T>
void execute_pusha(Cpu& cpu, const Instruction&) {
  const std::uint64_t top = cpu.gpr(Gpr::kRsp);
  std::array<std::uint64_t, kPushed> linear{};
  for (unsigned n = 0; n < kPushed; ++n) {
    linear[n] = pushed_linear<T>(cpu, top, n, Access::kWrite);
    cpu.probe_write(linear[n], sizeof(T));
  }
  for (unsigned n = 0; n < kPushed; ++n) cpu.write<T>(linear[n], cpu.reg<T>(register_offset(n)));
  cpu.gpr(Gpr::kRsp) = cpu.stack_pointer_moved(-static_cast<std::int64_t>(kPushed * sizeof(T)));
}

template <typename T>
void execute_popa(Cpu& cpu, const Instruction&) {
  const std::uint64_t top = cpu.gpr(Gpr::kRsp) + kPushed * sizeof(T);
  std::array<T, kPushed> values{};
  for (unsigned n = kPushed; n-- > 0;) {
    values[n] = cpu.read<T>(pushed_linear<T>(cpu, top, n, Access::kRead));
  }
  cpu.gpr(Gpr::kRsp) = cpu.stack_pointer_moved(kPushed * sizeof(T));
  for (unsigned n = 0; n < kPushed; ++n) {
    if (n != static_cast<unsigned>(Gpr::kRsp)) cpu.set_reg<T>(register_offset(n), values[n]);
  }
}

// ---- ENTER and LEAVE ----------------------------------------------------------------------------

inline constexpr std::uint8_t kRbpOffset = register_offset(static_cast<unsigned>(Gpr::kRbp));

// RBP takes as many bits as the operand has, but all in 64-bit code.
template <typename T>
void set_frame_pointer(Cpu& cpu, std::uint64_t frame) {
  if (cpu.stack_address_size() == 8) {
    cpu.gpr(Gpr::kRbp) = frame;
  } else {
    cpu.set_reg<T>(kRbpOffset, static_cast<T>(frame));
  }
}

template <typename T>
void build_frame(Cpu& cpu, const Instruction& i) {
  const unsigned nesting = i.extra % 32;
  std::uint64_t outer = cpu.gpr(Gpr::kRbp);
  cpu.push<T>(cpu.reg<T>(kRbpOffset));
  const std::uint64_t frame = cpu.gpr(Gpr::kRsp);
  for (unsigned level = 1; level < nesting; ++level) {
    outer -= sizeof(T);
    cpu.push<T>(cpu.read<T>(stack_linear(cpu, outer, sizeof(T), Access::kRead)));
  }
  if (nesting != 0) cpu.push<T>(static_cast<T>(frame));
  const auto room = static_cast<std::int64_t>(i.immediate & 0xffff);
  const std::uint64_t top = cpu.stack_pointer_moved(-room);
  cpu.probe_write(stack_linear(cpu, top, sizeof(T), Access::kWrite), sizeof(T));
  cpu.gpr(Gpr::kRsp) = top;
  set_frame_pointer<T>(cpu, frame);
}

template <typename T>
void execute_enter(Cpu& cpu, const Instruction& i) {
  const std::uint64_t before = cpu.gpr(Gpr::kRsp);
  try {
    build_frame<T>(cpu, i);
  } catch (...) {
    cpu.gpr(Gpr::kRsp) = before;
    throw;
  }
}

template <typename T>
void execute_leave(Cpu& cpu, const Instruction&) {
  const std::uint64_t frame = cpu.gpr(Gpr::kRbp);
  const T outer = cpu.read<T>(stack_linear(cpu, frame, sizeof(T), Access::kRead));
  const std::uint64_t mask = address_mask(cpu.stack_address_size());
  const std::uint64_t top = (frame + sizeof(T)) & mask;
  // A 32-bit stack pointer clears the upper half, a 16-bit one leaves the rest.
  cpu.gpr(Gpr::kRsp) = cpu.stack_address_size() == 2 ? (cpu.gpr(Gpr::kRsp) & ~mask) | top : top;
  cpu.set_reg<T>(kRbpOffset, outer);
}

template <template <typename> typename Body>
bool select_by_operand_size(const Decoded&, Instruction& record) {
  return take(record, for_wide_width(record.operand_size * 8u, []<typename T>() -> Handler {
                return &step<Body<T>::execute>;
              }));
}

template <typename T>
struct Enter {
  static void execute(Cpu& cpu, const Instruction& i) { execute_enter<T>(cpu, i); }
};
template <typename T>
struct Leave {
  static void execute(Cpu& cpu, const Instruction& i) { execute_leave<T>(cpu, i); }
};

template <auto body>
bool select_fixed(const Decoded&, Instruction& record) {
  return take(record, &step<body>);
}

}  // namespace

std::span<const Row> stack_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_PUSH, select_push},
      {ZYDIS_MNEMONIC_POP, select_pop},
      {ZYDIS_MNEMONIC_PUSHA, select_fixed<execute_pusha<std::uint16_t>>},
      {ZYDIS_MNEMONIC_PUSHAD, select_fixed<execute_pusha<std::uint32_t>>},
      {ZYDIS_MNEMONIC_POPA, select_fixed<execute_popa<std::uint16_t>>},
      {ZYDIS_MNEMONIC_POPAD, select_fixed<execute_popa<std::uint32_t>>},
      {ZYDIS_MNEMONIC_ENTER, select_by_operand_size<Enter>},
      {ZYDIS_MNEMONIC_LEAVE, select_by_operand_size<Leave>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft
