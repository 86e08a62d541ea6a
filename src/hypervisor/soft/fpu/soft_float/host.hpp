// A short cut: the host's own binary32 and binary64 arithmetic where it provably does what the
// soft-float would.
//
// The caller has seen that rounding is to nearest, that all exceptions are masked, and that the
// precision flag, the only one that normal operands with a normal result can raise, is already set.
// Host arithmetic is IEEE 754 with rounding to nearest (the engine never changes that), so the
// rounded result is the same. Every operand must be normal and the result normal and above the
// smallest binade, where rounding may have hidden a tiny value; all else is left to the soft-float.
#pragma once

#include <bit>
#include <limits>
#include <optional>

#include "hypervisor/soft/fpu/soft_float/format.hpp"

namespace orrery::hypervisor::soft::soft_float {

static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

enum class HostOperation : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide };

template <typename Format>
struct HostType;
template <>
struct HostType<Binary32> {
  using Type = float;
};
template <>
struct HostType<Binary64> {
  using Type = double;
};

template <typename Format, HostOperation operation>
std::optional<typename Format::Bits> on_host(typename Format::Bits a, typename Format::Bits b) {
  using Type = typename HostType<Format>::Type;
  const auto within = [](int biased, int least) {
    return static_cast<unsigned>(biased - least) < static_cast<unsigned>(Format::kSpecial - least);
  };
  if (!within(Format::biased(a), 1) || !within(Format::biased(b), 1)) return std::nullopt;
  const Type x = std::bit_cast<Type>(a);
  const Type y = std::bit_cast<Type>(b);
  Type z = 0;
  switch (operation) {
    case HostOperation::kAdd: z = x + y; break;
    case HostOperation::kSubtract: z = x - y; break;
    case HostOperation::kMultiply: z = x * y; break;
    case HostOperation::kDivide: z = x / y; break;
  }
  const auto bits = std::bit_cast<typename Format::Bits>(z);
  if (!within(Format::biased(bits), 2)) return std::nullopt;
  return bits;
}

}  // namespace orrery::hypervisor::soft::soft_float
