// The sixteen conditions of Jcc, SETcc and CMOVcc (SDM vol. 1, appendix B), in the order of their
// encoding.
#pragma once

#include <cstdint>

#include "hypervisor/soft/lazy_flags.hpp"

namespace orrery::hypervisor::soft {

enum class Condition : std::uint8_t {
  kOverflow,
  kNotOverflow,
  kBelow,
  kNotBelow,
  kZero,
  kNotZero,
  kBelowOrEqual,
  kNotBelowOrEqual,
  kSign,
  kNotSign,
  kParity,
  kNotParity,
  kLess,
  kNotLess,
  kLessOrEqual,
  kNotLessOrEqual,
};

template <Condition condition>
inline bool holds(const LazyFlags& flags) {
  constexpr auto kCode = static_cast<unsigned>(condition);
  if constexpr (kCode % 2 != 0) {
    return !holds<static_cast<Condition>(kCode - 1)>(flags);
  } else if constexpr (condition == Condition::kOverflow) {
    return flags.overflow();
  } else if constexpr (condition == Condition::kBelow) {
    return flags.carry();
  } else if constexpr (condition == Condition::kZero) {
    return flags.is_zero();
  } else if constexpr (condition == Condition::kBelowOrEqual) {
    return flags.below_or_equal();
  } else if constexpr (condition == Condition::kSign) {
    return flags.sign();
  } else if constexpr (condition == Condition::kParity) {
    return flags.parity();
  } else if constexpr (condition == Condition::kLess) {
    return flags.less();
  } else {
    return flags.less() || flags.is_zero();
  }
}

}  // namespace orrery::hypervisor::soft
