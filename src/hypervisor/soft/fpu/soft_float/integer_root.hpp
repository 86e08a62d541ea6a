// Integer square root of 128 bits.
#pragma once

#include <cmath>

#include "hypervisor/soft/fpu/soft_float/number.hpp"

namespace orrery::hypervisor::soft::soft_float {

// The largest integer whose square is not above VALUE, for values of at least 2^126. The host's
// square root only gives the first guess; one Newton step and the correction make it exact.
inline std::uint64_t integer_root(Uint128 value) {
  constexpr Uint128 kLargest = ~std::uint64_t{0};
  const double guess = std::sqrt(static_cast<double>(value));
  Uint128 root = guess >= 0x1p64 ? kLargest : static_cast<Uint128>(guess);
  root = (root + value / root) / 2;
  if (root > kLargest) root = kLargest;
  while (root * root > value) --root;
  while (root < kLargest && (root + 1) * (root + 1) <= value) ++root;
  return static_cast<std::uint64_t>(root);
}

}  // namespace orrery::hypervisor::soft::soft_float
