// Packed decimal integers.
#include "hypervisor/soft/fpu/x87/decimal.hpp"

#include "hypervisor/soft/fpu/soft_float/convert.hpp"

namespace orrery::hypervisor::soft::x87 {

namespace {
constexpr unsigned kDigits = 18;
constexpr std::uint64_t kLimit = 1'000'000'000'000'000'000;  // 10^18
}  // namespace

Float80 from_decimal(const Float80& digits) {
  std::uint64_t magnitude = (digits.sign_exponent >> 4) & 0xfu;
  magnitude = magnitude * 10 + (digits.sign_exponent & 0xfu);
  for (unsigned n = 16; n != 0; --n) {
    magnitude = magnitude * 10 + ((digits.significand >> (4 * (n - 1))) & 0xfu);
  }
  const bool sign = (digits.sign_exponent & 0x8000) != 0;
  if (magnitude == 0) return Extended::assemble(sign, 0, 0);
  Context context;
  return soft_float::pack<Extended>(soft_float::normalized(sign, 127, magnitude), context);
}

Float80 to_decimal(const Number& value, Context& context) {
  const bool no_number = soft_float::needs_nan(value) || value.is_infinity();
  const auto rounded =
      no_number ? soft_float::Magnitude{} : soft_float::round_magnitude(value, context);
  if (no_number || rounded.value >= kLimit) {
    context.raise(soft_float::exception::kInvalid);
    context.rounded_up = false;
    return kDecimalIndefinite;
  }
  if (!rounded.exact) context.raise(soft_float::exception::kPrecision);
  auto magnitude = static_cast<std::uint64_t>(rounded.value);
  soft_float::Uint128 digits = 0;
  for (unsigned n = 0; n < kDigits; ++n) {
    digits |= soft_float::Uint128{magnitude % 10} << (4 * n);
    magnitude /= 10;
  }
  return {static_cast<std::uint64_t>(digits),
          static_cast<std::uint16_t>((value.sign ? 0x8000u : 0u) |
                                     static_cast<unsigned>(digits >> 64))};
}

}  // namespace orrery::hypervisor::soft::x87
