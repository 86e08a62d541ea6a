// Moves and conversions: MOV, MOVNTI, MOVBE, MOVZX, MOVSX, MOVSXD, LEA, BSWAP, XLAT, CBW, CWDE,
// CDQE, CWD, CDQ, CQO (SDM vol. 2). None changes flags.
#include <type_traits>

#include "hypervisor/soft/interpret/integer/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"
#include "hypervisor/soft/interpret/system.hpp"

namespace orrery::hypervisor::soft::integer {
namespace {

using x86::Gpr;
using x86::SegmentRegister;

// ---- MOV ----------------------------------------------------------------------------------------

template <typename T, OperandKind destination, OperandKind source>
void execute_move(Cpu& cpu, const Instruction& i) {
  set_destination<T, destination>(cpu, i, source_value<T, source>(cpu, i));
}

template <typename T, OperandKind destination, OperandKind source>
bool quick_move(Cpu& cpu, const Instruction& i) {
  T value{};
  return quick_source<T, source>(cpu, i, value) &&
         quick_set_destination<T, destination>(cpu, i, value);
}

// MOV between the accumulator and a direct offset (A0h to A3h), which is in `immediate` because it
// may have 64 bits.
template <typename T, OperandKind destination>
void execute_move_absolute(Cpu& cpu, const Instruction& i) {
  constexpr bool kStores = destination == OperandKind::kMemory;
  const std::uint64_t linear =
      cpu.segment_linear(static_cast<SegmentRegister>(i.segment), i.immediate, sizeof(T),
                         kStores ? Access::kWrite : Access::kRead);
  if constexpr (kStores) {
    cpu.write<T>(linear, cpu.reg<T>(register_offset(0)));
  } else {
    cpu.set_reg<T>(register_offset(0), cpu.read<T>(linear));
  }
}

bool has_direct_offset(const Decoded& decoded) {
  return decoded.info.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
         (decoded.info.opcode & 0xfc) == 0xa0;
}

bool select_move_absolute(const Decoded& decoded, Instruction& record) {
  record.immediate &= address_mask(record.address_size);
  return take(record, for_register_or_memory(decoded, 0, [&]<OperandKind destination>() {
                return for_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return &step<execute_move_absolute<T, destination>>;
                });
              }));
}

bool is_system_register(const Decoded& decoded, unsigned index) {
  return is_register(decoded, index) && !is_gpr(decoded.operands[index].reg.value);
}

bool select_move(const Decoded& decoded, Instruction& record) {
  if (is_system_register(decoded, 0) || is_system_register(decoded, 1)) {
    return select_system_move(decoded, record);
  }
  fill_registers(decoded, record);
  if (has_direct_offset(decoded)) return select_move_absolute(decoded, record);
  return take(
      record, for_two_operands(decoded, [&]<OperandKind destination, OperandKind source>() {
        return for_width(width_of(decoded, 0), []<typename T>() -> Handler {
          return quick_step_for<quick_move<T, destination, source>,
                                execute_move<T, destination, source>, destination, source>();
        });
      }));
}

// ---- Extending moves ----------------------------------------------------------------------------

template <typename To, typename From, OperandKind source>
void execute_extend(Cpu& cpu, const Instruction& i) {
  const auto value = static_cast<From>(source_value<std::make_unsigned_t<From>, source>(cpu, i));
  cpu.set_reg<To>(i.destination, static_cast<To>(value));
}

template <typename To, typename From, OperandKind source>
bool quick_extend(Cpu& cpu, const Instruction& i) {
  std::make_unsigned_t<From> value{};
  if (!quick_source<std::make_unsigned_t<From>, source>(cpu, i, value)) return false;
  cpu.set_reg<To>(i.destination, static_cast<To>(static_cast<From>(value)));
  return true;
}

enum class Extension : std::uint8_t { kZero, kSign };

template <Extension extension>
bool select_extend(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(
      record, for_register_or_memory(decoded, 1, [&]<OperandKind source>() {
        return for_wide_width(width_of(decoded, 0), [&]<typename To>() -> Handler {
          return for_width(width_of(decoded, 1), []<typename Raw>() -> Handler {
            using From =
                std::conditional_t<extension == Extension::kSign, std::make_signed_t<Raw>, Raw>;
            if constexpr (sizeof(From) > 4) {
              return nullptr;
            } else {
              return quick_step_for<quick_extend<To, From, source>,
                                    execute_extend<To, From, source>, source>();
            }
          });
        });
      }));
}

// CBW, CWDE, CDQE: AL, AX or EAX to twice its width.
template <typename To, typename From>
void execute_extend_accumulator(Cpu& cpu, const Instruction&) {
  const From value = cpu.reg<From>(register_offset(0));
  cpu.set_reg<To>(register_offset(0), static_cast<To>(value));
}

// CWD, CDQ, CQO: the sign of rAX into every bit of rDX.
template <typename T>
void execute_extend_into_rdx(Cpu& cpu, const Instruction&) {
  const T value = cpu.reg<T>(register_offset(0));
  cpu.set_reg<T>(register_offset(2), static_cast<T>(value < 0 ? -1 : 0));
}

template <auto body>
bool select_implicit(const Decoded&, Instruction& record) {
  return take(record, &step_calmly<body>);
}

// ---- LEA, BSWAP, MOVBE, XLAT --------------------------------------------------------------------

template <typename T>
void execute_lea(Cpu& cpu, const Instruction& i) {
  cpu.set_reg<T>(i.destination, static_cast<T>(cpu.effective_offset(i)));
}

bool select_lea(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_wide_width(width_of(decoded, 0), []<typename T>() -> Handler {
                return &step_calmly<execute_lea<T>>;
              }));
}

template <typename T>
constexpr T reversed(T value) {
  if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    return __builtin_bswap64(value);
  }
}

// With a 16-bit operand the manual leaves the result undefined; processors clear it.
template <typename T>
void execute_bswap(Cpu& cpu, const Instruction& i) {
  cpu.set_reg<T>(i.destination, sizeof(T) == 2 ? T{0} : reversed(cpu.reg<T>(i.destination)));
}

bool select_bswap(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_wide_width(width_of(decoded, 0), []<typename T>() -> Handler {
                return &step_calmly<execute_bswap<T>>;
              }));
}

template <typename T, OperandKind destination>
void execute_movbe(Cpu& cpu, const Instruction& i) {
  if constexpr (destination == OperandKind::kMemory) {
    cpu.store<T>(i, reversed(cpu.reg<T>(i.source)));
  } else {
    cpu.set_reg<T>(i.destination, reversed(cpu.load<T>(i)));
  }
}

bool select_movbe(const Decoded& decoded, Instruction& record) {
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 0, [&]<OperandKind destination>() {
                return for_wide_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return &step<execute_movbe<T, destination>>;
                });
              }));
}

void execute_xlat(Cpu& cpu, const Instruction& i) {
  const std::uint64_t offset = (cpu.gpr(Gpr::kRbx) + cpu.reg<std::uint8_t>(register_offset(0))) &
                               address_mask(i.address_size);
  const std::uint64_t linear =
      cpu.segment_linear(static_cast<SegmentRegister>(i.segment), offset, 1, Access::kRead);
  cpu.set_reg<std::uint8_t>(register_offset(0), cpu.read<std::uint8_t>(linear));
}

bool select_xlat(const Decoded& decoded, Instruction& record) {
  record.segment = segment_of(decoded.operands[0]);
  return take(record, &step<execute_xlat>);
}

}  // namespace

std::span<const Row> move_rows() {
  using std::int16_t, std::int32_t, std::int64_t, std::int8_t;
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_MOV, select_move},
      {ZYDIS_MNEMONIC_MOVNTI, select_move},
      {ZYDIS_MNEMONIC_MOVZX, select_extend<Extension::kZero>},
      {ZYDIS_MNEMONIC_MOVSX, select_extend<Extension::kSign>},
      {ZYDIS_MNEMONIC_MOVSXD, select_extend<Extension::kSign>},
      {ZYDIS_MNEMONIC_LEA, select_lea},
      {ZYDIS_MNEMONIC_BSWAP, select_bswap},
      {ZYDIS_MNEMONIC_MOVBE, select_movbe},
      {ZYDIS_MNEMONIC_XLAT, select_xlat},
      {ZYDIS_MNEMONIC_CBW, select_implicit<execute_extend_accumulator<int16_t, int8_t>>},
      {ZYDIS_MNEMONIC_CWDE, select_implicit<execute_extend_accumulator<int32_t, int16_t>>},
      {ZYDIS_MNEMONIC_CDQE, select_implicit<execute_extend_accumulator<int64_t, int32_t>>},
      {ZYDIS_MNEMONIC_CWD, select_implicit<execute_extend_into_rdx<int16_t>>},
      {ZYDIS_MNEMONIC_CDQ, select_implicit<execute_extend_into_rdx<int32_t>>},
      {ZYDIS_MNEMONIC_CQO, select_implicit<execute_extend_into_rdx<int64_t>>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
