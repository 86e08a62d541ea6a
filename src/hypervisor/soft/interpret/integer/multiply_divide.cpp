// MUL, IMUL, DIV, IDIV (SDM vol. 2). Products set CF and OF where the upper half is significant;
// the flags that the manual leaves undefined are kept.
#include <limits>
#include <optional>
#include <type_traits>

#include "hypervisor/soft/interpret/integer/rows.hpp"
#include "hypervisor/soft/interpret/operand_access.hpp"

namespace orrery::hypervisor::soft::integer {
namespace {

// The integer of twice T's width and the same signedness.
template <typename T>
struct Double;
template <>
struct Double<std::uint8_t> {
  using Type = std::uint16_t;
};
template <>
struct Double<std::uint16_t> {
  using Type = std::uint32_t;
};
template <>
struct Double<std::uint32_t> {
  using Type = std::uint64_t;
};
template <>
struct Double<std::uint64_t> {
  using Type = unsigned __int128;
};
template <>
struct Double<std::int8_t> {
  using Type = std::int16_t;
};
template <>
struct Double<std::int16_t> {
  using Type = std::int32_t;
};
template <>
struct Double<std::int32_t> {
  using Type = std::int64_t;
};
template <>
struct Double<std::int64_t> {
  using Type = __int128;
};
template <typename T>
using DoubleOf = typename Double<T>::Type;

inline constexpr std::uint8_t kAccumulator = register_offset(0);
// Upper half of products and dividends, lower half being the accumulator: AH for bytes, rDX for
// all others.
template <typename T>
inline constexpr std::uint8_t kUpperHalf = sizeof(T) == 1 ? kAccumulator + 1 : register_offset(2);

template <typename T>
using Unsigned = std::make_unsigned_t<T>;

template <typename T>
constexpr T upper_half(DoubleOf<T> value) {
  return static_cast<T>(value >> (sizeof(T) * 8));
}

// T is signed for IMUL and IDIV.
template <typename T, OperandKind source>
T signed_or_unsigned_source(Cpu& cpu, const Instruction& i) {
  return static_cast<T>(source_value<Unsigned<T>, source>(cpu, i));
}

// ---- Multiplication -----------------------------------------------------------------------------

template <typename T>
void set_product_flags(Cpu& cpu, DoubleOf<T> product) {
  const bool significant = product != DoubleOf<T>{static_cast<T>(product)};
  cpu.flags.set_carry_overflow(significant, significant);
}

// The accumulator times the operand, into accumulator and upper half.
template <typename T, OperandKind source>
void execute_multiply(Cpu& cpu, const Instruction& i) {
  const auto factor = signed_or_unsigned_source<T, source>(cpu, i);
  const auto product =
      static_cast<DoubleOf<T>>(DoubleOf<T>{cpu.reg<T>(kAccumulator)} * DoubleOf<T>{factor});
  cpu.set_reg<T>(kAccumulator, static_cast<T>(product));
  cpu.set_reg<T>(kUpperHalf<T>, upper_half<T>(product));
  set_product_flags<T>(cpu, product);
}

// IMUL with two or three operands: truncated product into a register.
template <typename T, OperandKind source, OperandKind other_factor>
void execute_multiply_into(Cpu& cpu, const Instruction& i) {
  const auto factor = signed_or_unsigned_source<T, source>(cpu, i);
  const T other = other_factor == OperandKind::kImmediate ? static_cast<T>(i.immediate)
                                                          : cpu.reg<T>(i.destination);
  const auto product = static_cast<DoubleOf<T>>(DoubleOf<T>{other} * DoubleOf<T>{factor});
  cpu.set_reg<T>(i.destination, static_cast<T>(product));
  set_product_flags<T>(cpu, product);
}

// ---- Division -----------------------------------------------------------------------------------

template <typename T>
struct Division {
  T quotient;
  T remainder;
};

// Nothing where the quotient does not fit, or the divisor is zero.
template <typename T>
std::optional<Division<T>> divide(DoubleOf<T> dividend, T divisor) {
  if (divisor == 0) return std::nullopt;
  if constexpr (std::is_signed_v<T>) {
    // The one quotient that overflows even the dividend's type.
    if (divisor == -1 &&
        dividend == static_cast<DoubleOf<T>>(DoubleOf<T>{1} << (sizeof(T) * 16 - 1))) {
      return std::nullopt;
    }
  }
  const auto quotient = static_cast<DoubleOf<T>>(dividend / divisor);
  if (quotient != DoubleOf<T>{static_cast<T>(quotient)}) return std::nullopt;
  return Division<T>{static_cast<T>(quotient), static_cast<T>(dividend % divisor)};
}

template <typename T>
DoubleOf<T> joined(T upper, T lower) {
  using Wide = DoubleOf<Unsigned<T>>;
  return static_cast<DoubleOf<T>>(
      static_cast<Wide>(Wide{static_cast<Unsigned<T>>(upper)} << (sizeof(T) * 8)) |
      Wide{static_cast<Unsigned<T>>(lower)});
}

// A quadword dividend whose upper half is only the lower's extension: most of them, and far cheaper
// without 128 bits.
template <typename T>
constexpr T extension_of(T lower) {
  if constexpr (std::is_signed_v<T>) {
    return static_cast<T>(lower < 0 ? -1 : 0);
  } else {
    return 0;
  }
}

template <typename T, OperandKind source>
void execute_divide(Cpu& cpu, const Instruction& i) {
  const auto divisor = signed_or_unsigned_source<T, source>(cpu, i);
  const T upper = cpu.reg<T>(kUpperHalf<T>);
  const T lower = cpu.reg<T>(kAccumulator);
  Division<T> result{};
  if (sizeof(T) == 8 && upper == extension_of(lower) && divisor != 0 &&
      divisor != static_cast<T>(-1)) {
    result = {static_cast<T>(lower / divisor), static_cast<T>(lower % divisor)};
  } else {
    const auto division = divide<T>(joined<T>(upper, lower), divisor);
    if (!division) cpu.raise(x86::Exception::kDivideError);
    result = *division;
  }
  cpu.set_reg<T>(kAccumulator, result.quotient);
  cpu.set_reg<T>(kUpperHalf<T>, result.remainder);
}

// ---- Selection ----------------------------------------------------------------------------------

enum class Signedness : std::uint8_t { kUnsigned, kSigned };

template <typename T, Signedness signedness>
using WithSign = std::conditional_t<signedness == Signedness::kSigned, std::make_signed_t<T>, T>;

// The only explicit operand is a source.
void fill_only_source(const Decoded& decoded, Instruction& record) {
  if (is_register(decoded, 0)) record.source = register_field(decoded, 0);
}

template <Signedness signedness>
bool select_multiply(const Decoded& decoded, Instruction& record) {
  fill_only_source(decoded, record);
  return take(record, for_register_or_memory(decoded, 0, [&]<OperandKind source>() {
                return for_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return step_for<execute_multiply<WithSign<T, signedness>, source>, source>();
                });
              }));
}

// Zydis also shows the implicit operands of the one-operand form.
bool has_one_operand(const Decoded& decoded) {
  return decoded.operands[1].visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT;
}

bool select_imul(const Decoded& decoded, Instruction& record) {
  using enum OperandKind;
  if (has_one_operand(decoded)) return select_multiply<Signedness::kSigned>(decoded, record);
  fill_registers(decoded, record);
  return take(record, for_register_or_memory(decoded, 1, [&]<OperandKind source>() {
                return for_wide_width(width_of(decoded, 0), [&]<typename T>() -> Handler {
                  using Signed = std::make_signed_t<T>;
                  return is_immediate(decoded, 2)
                             ? step_for<execute_multiply_into<Signed, source, kImmediate>, source>()
                             : step_for<execute_multiply_into<Signed, source, kRegister>, source>();
                });
              }));
}

template <Signedness signedness>
bool select_divide(const Decoded& decoded, Instruction& record) {
  fill_only_source(decoded, record);
  return take(record, for_register_or_memory(decoded, 0, [&]<OperandKind source>() {
                return for_width(width_of(decoded, 0), []<typename T>() -> Handler {
                  return &step<execute_divide<WithSign<T, signedness>, source>>;
                });
              }));
}

}  // namespace

std::span<const Row> multiply_divide_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_MUL, select_multiply<Signedness::kUnsigned>},
      {ZYDIS_MNEMONIC_IMUL, select_imul},
      {ZYDIS_MNEMONIC_DIV, select_divide<Signedness::kUnsigned>},
      {ZYDIS_MNEMONIC_IDIV, select_divide<Signedness::kSigned>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
