// Operands for comparing the soft-float against the host: corner values and random ones that meet
// near each other, so that cancellation, ties, overflow and underflow all happen often.
#pragma once

#include <bit>
#include <cstdint>
#include <random>

#include "hypervisor/soft/fpu/soft_float/format.hpp"

namespace orrery::hypervisor::soft::soft_float::test {

// The generator of one test; its seed is printed by seeded().
using Random = std::mt19937_64;

inline Random seeded(std::uint64_t seed) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return Random(seed);
}

// A fraction with few, many or clustered bits.
inline std::uint64_t random_fraction(Random& random) {
  const std::uint64_t bits = random();
  switch (random() % 6) {
    case 0: return 0;
    case 1: return ~std::uint64_t{0} << (random() % 64);
    case 2: return std::uint64_t{1} << (random() % 64);
    case 3: return ~std::uint64_t{0} >> (random() % 64);
    default: return bits;
  }
}

template <typename Format>
typename Format::Bits random_operand(Random& random) {
  const bool sign = (random() & 1) != 0;
  const std::uint64_t fraction = random_fraction(random);
  int biased = 0;
  switch (random() % 8) {
    case 0: biased = 0; break;
    case 1: biased = Format::kSpecial; break;
    case 2: biased = 1 + static_cast<int>(random() % 3); break;
    case 3: biased = Format::kSpecial - 1 - static_cast<int>(random() % 3); break;
    case 4:
      biased = static_cast<int>(random() % static_cast<unsigned>(Format::kSpecial + 1));
      break;
    default: biased = Format::kBias + static_cast<int>(random() % 140) - 70;
  }
  const std::uint64_t integer_bit = biased != 0 && random() % 32 != 0 ? kIntegerBit : 0;
  return Format::assemble(sign, biased, (fraction >> 1) | integer_bit);
}

}  // namespace orrery::hypervisor::soft::soft_float::test
