// Floating-point values taken apart, and the surroundings of an operation. Binary32, binary64 and
// the double-extended format all fit one unpacked form, so an operation is written once (SDM vol.
// 1, chapter 4; IEEE 754-2019).
//
// An operation runs in three steps: unpack<Format>() the operands, a function of arithmetic.hpp
// that gives the exact result, pack<Format>() with rounding. Flags are raised in the Context on the
// way.
#pragma once

#include <cstdint>

namespace orrery::hypervisor::soft::soft_float {

using Uint128 = unsigned __int128;

// As RC encodes it in MXCSR and the x87 control word.
enum class Rounding : std::uint8_t { kNearest, kDown, kUp, kTowardZero };

// Exception flags as MXCSR and the x87 status word have them in bits 5..0; masks have the same
// order.
namespace exception {
inline constexpr std::uint8_t kInvalid = 1;
inline constexpr std::uint8_t kDenormal = 2;
inline constexpr std::uint8_t kZeroDivide = 4;
inline constexpr std::uint8_t kOverflow = 8;
inline constexpr std::uint8_t kUnderflow = 16;
inline constexpr std::uint8_t kPrecision = 32;
inline constexpr std::uint8_t kAll = 63;
// Found before the result is computed.
inline constexpr std::uint8_t kBefore = kInvalid | kDenormal | kZeroDivide;
}  // namespace exception

// Which NaN comes out when both operands are one: SSE takes the first, x87 the one with the larger
// significand, and a quiet one before a signalling one (SDM vol. 1, table 4-7).
enum class NanRule : std::uint8_t { kFirst, kLargerSignificand };

struct Context {
  Rounding rounding = Rounding::kNearest;
  std::uint8_t masked = exception::kAll;
  bool denormals_are_zero = false;  // DAZ
  bool flush_to_zero = false;       // FTZ; acts only while underflow is masked
  NanRule nan_rule = NanRule::kFirst;

  bool host_allowed = false;  // the conditions of host.hpp hold

  std::uint8_t raised = 0;
  std::uint8_t settled = 0;  // of them, by earlier steps of an operation that has several (DPPS)
  bool rounded_up = false;   // in magnitude (C1 of x87)

  void raise(std::uint8_t exceptions) { raised = static_cast<std::uint8_t>(raised | exceptions); }
  bool unmasked(std::uint8_t exceptions) const { return (exceptions & ~masked) != 0; }
};

enum class Kind : std::uint8_t {
  kZero,
  kFinite,
  kInfinity,
  kQuietNan,
  kSignallingNan,
  kUnsupported,  // double-extended encodings that no operation accepts (SDM vol. 1, 8.2.2)
};

// Finite: significand / 2^63 * 2^exponent, with bit 63 set. A NaN's payload is left-aligned with
// the quiet bit in bit 62.
struct Number {
  Kind kind = Kind::kZero;
  bool sign = false;
  bool denormal = false;  // encoded as a denormal (or pseudo-denormal)
  std::int32_t exponent = 0;
  std::uint64_t significand = 0;

  bool is_nan() const { return kind == Kind::kQuietNan || kind == Kind::kSignallingNan; }
  bool is_zero() const { return kind == Kind::kZero; }
  bool is_finite() const { return kind == Kind::kFinite; }
  bool is_infinity() const { return kind == Kind::kInfinity; }
};

inline constexpr std::uint64_t kIntegerBit = std::uint64_t{1} << 63;
inline constexpr std::uint64_t kQuietBit = std::uint64_t{1} << 62;

// A result before rounding, to be packed. Finite: significand / 2^127 * 2^exponent, with bit 127
// set; bit 0 also stands for everything that was cut off below it.
struct Exact {
  Kind kind = Kind::kZero;
  bool sign = false;
  std::int32_t exponent = 0;
  Uint128 significand = 0;
};

inline Exact exact(const Number& number) {
  return {number.kind, number.sign, number.exponent, Uint128{number.significand} << 64};
}
inline Exact exact_zero(bool sign) {
  return {Kind::kZero, sign, 0, 0};
}
inline Exact exact_infinity(bool sign) {
  return {Kind::kInfinity, sign, 0, 0};
}
// The QNaN floating-point indefinite, the masked response to an invalid operation.
inline Exact indefinite() {
  return {Kind::kQuietNan, true, 0, Uint128{kIntegerBit | kQuietBit} << 64};
}
inline Exact invalid(Context& context) {
  context.raise(exception::kInvalid);
  return indefinite();
}

inline int leading_zeros(Uint128 value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  return high != 0 ? __builtin_clzll(high)
                   : 64 + __builtin_clzll(static_cast<std::uint64_t>(value));
}

// VALUE shifted right; what falls out is remembered in bit 0.
inline Uint128 shift_right_sticky(Uint128 value, std::uint32_t count) {
  if (count == 0) return value;
  if (count > 127) return value != 0 ? 1 : 0;
  return (value >> count) | ((value << (128 - count)) != 0 ? 1 : 0);
}

// Finite with the leading bit brought to the top; a zero significand is not allowed.
inline Exact normalized(bool sign, std::int32_t exponent, Uint128 significand) {
  const int shift = leading_zeros(significand);
  return {Kind::kFinite, sign, exponent - shift, significand << shift};
}

}  // namespace orrery::hypervisor::soft::soft_float
