// What the two-operand and one-operand instructions compute and what they leave in the flags (SDM
// vol. 1, 7.3.2 and 7.3.5, and appendix A). Pure functions of values, shared by all widths and
// operand kinds.
#pragma once

#include <concepts>

#include "hypervisor/soft/lazy_flags.hpp"

namespace orrery::hypervisor::soft::integer {

// Carries out of each bit of a + b (+ carry in) = sum: where both are set, or one is and no carry
// stayed in the sum.
template <std::unsigned_integral T>
constexpr T carries_of_sum(T a, T b, T sum) {
  return static_cast<T>((a & b) | ((a | b) & ~sum));
}
// Borrows out of each bit of a - b (- borrow in) = difference.
template <std::unsigned_integral T>
constexpr T borrows_of_difference(T a, T b, T difference) {
  return static_cast<T>((~a & b) | ((~a | b) & difference));
}

// Two operands. kWrites: the destination takes the result. kUsesCarry: CF is an input.
struct Add {
  static constexpr bool kWrites = true;
  static constexpr bool kUsesCarry = false;
  template <std::unsigned_integral T>
  static T compute(T a, T b, bool) {
    return static_cast<T>(a + b);
  }
  template <std::unsigned_integral T>
  static void set_flags(LazyFlags& flags, T a, T b, T result) {
    flags.set_sum(result, carries_of_sum(a, b, result));
  }
};

struct AddWithCarry : Add {
  static constexpr bool kUsesCarry = true;
  template <std::unsigned_integral T>
  static T compute(T a, T b, bool carry) {
    return static_cast<T>(a + b + T{carry});
  }
};

struct Subtract {
  static constexpr bool kWrites = true;
  static constexpr bool kUsesCarry = false;
  template <std::unsigned_integral T>
  static T compute(T a, T b, bool) {
    return static_cast<T>(a - b);
  }
  template <std::unsigned_integral T>
  static void set_flags(LazyFlags& flags, T a, T b, T result) {
    flags.set_sum(result, borrows_of_difference(a, b, result));
  }
};

struct SubtractWithBorrow : Subtract {
  static constexpr bool kUsesCarry = true;
  template <std::unsigned_integral T>
  static T compute(T a, T b, bool carry) {
    return static_cast<T>(a - b - T{carry});
  }
};

struct Compare : Subtract {
  static constexpr bool kWrites = false;
};

// AF, which the manual leaves undefined after logical instructions, is cleared, as processors do.
struct Logical {
  static constexpr bool kWrites = true;
  static constexpr bool kUsesCarry = false;
  template <std::unsigned_integral T>
  static void set_flags(LazyFlags& flags, T, T, T result) {
    flags.set_logical(result);
  }
};

struct And : Logical {
  template <std::unsigned_integral T>
  static T compute(T a, T b, bool) {
    return static_cast<T>(a & b);
  }
};

struct Or : Logical {
  template <std::unsigned_integral T>
  static T compute(T a, T b, bool) {
    return static_cast<T>(a | b);
  }
};

struct ExclusiveOr : Logical {
  template <std::unsigned_integral T>
  static T compute(T a, T b, bool) {
    return static_cast<T>(a ^ b);
  }
};

struct Test : And {
  static constexpr bool kWrites = false;
};

// One operand.
struct Increment {
  template <std::unsigned_integral T>
  static T compute(T a) {
    return static_cast<T>(a + 1);
  }
  template <std::unsigned_integral T>
  static void set_flags(LazyFlags& flags, T a, T result) {
    flags.set_sum_keeping_carry(result, carries_of_sum(a, T{1}, result));
  }
};

struct Decrement {
  template <std::unsigned_integral T>
  static T compute(T a) {
    return static_cast<T>(a - 1);
  }
  template <std::unsigned_integral T>
  static void set_flags(LazyFlags& flags, T a, T result) {
    flags.set_sum_keeping_carry(result, borrows_of_difference(a, T{1}, result));
  }
};

struct Negate {
  template <std::unsigned_integral T>
  static T compute(T a) {
    return static_cast<T>(T{0} - a);
  }
  template <std::unsigned_integral T>
  static void set_flags(LazyFlags& flags, T a, T result) {
    flags.set_sum(result, borrows_of_difference(T{0}, a, result));
  }
};

// Leaves the flags alone.
struct Complement {
  template <std::unsigned_integral T>
  static T compute(T a) {
    return static_cast<T>(~a);
  }
  template <std::unsigned_integral T>
  static void set_flags(LazyFlags&, T, T) {}
};

}  // namespace orrery::hypervisor::soft::integer
