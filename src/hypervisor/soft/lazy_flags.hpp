// The six arithmetic flags, kept as the values they follow from, so that an instruction stores a
// few words and only a reader of flags pays for computing them.
//
//   ZF = (zero == 0)     SF = top bit of sign_parity     PF = even parity of sign_parity's low byte
//
//   carries   63    62   61 .. 4   3   2 .. 0
//           | Cn-1 | Cn-2 |   any   | C3 |  any |     Ci: carry (or borrow) out of bit i of n
//
//   CF = Cn-1     OF = Cn-1 ^ Cn-2     AF = C3
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "x86/flags.hpp"

namespace orrery::hypervisor::soft {

struct LazyFlags {
  // `carries` stands between the two others because they are mostly stored with the same value,
  // which gcc would otherwise combine into one slow vector store.
  std::uint64_t zero = 1;
  std::uint64_t carries = 0;
  std::uint64_t sign_parity = 1;  // sign-extended from the operand's width

  bool carry() const { return (carries >> 63) != 0; }
  bool parity() const { return (std::popcount(sign_parity & 0xff) & 1) == 0; }
  bool adjust() const { return (carries & kCarryOutOf3) != 0; }
  bool is_zero() const { return zero == 0; }
  bool sign() const { return static_cast<std::int64_t>(sign_parity) < 0; }
  bool overflow() const { return static_cast<std::int64_t>(carries ^ (carries << 1)) < 0; }
  // The two conditions of signed and unsigned comparison that join flags.
  bool less() const {
    return static_cast<std::int64_t>(sign_parity ^ carries ^ (carries << 1)) < 0;
  }
  bool below_or_equal() const { return carry() || is_zero(); }

  void set_carry(bool value) {
    // Both top bits change together, so that OF stays.
    carries ^= (carry() != value) ? kTopCarries : 0;
  }

  // ZF, SF and PF from a result of type T.
  template <std::integral T>
  void set_zero_sign_parity(T result) {
    const auto extended = static_cast<std::uint64_t>(
        static_cast<std::int64_t>(static_cast<std::make_signed_t<T>>(result)));
    zero = extended;
    sign_parity = extended;
  }

  // All six from a sum or difference and the carries (borrows) out of each of its bits.
  template <std::unsigned_integral T>
  void set_sum(T result, T carries_out) {
    set_zero_sign_parity(result);
    carries = align(carries_out);
  }
  // The same for INC and DEC, which keep CF.
  template <std::unsigned_integral T>
  void set_sum_keeping_carry(T result, T carries_out) {
    const bool kept = carry();
    set_sum(result, carries_out);
    set_carry(kept);
  }
  // CF, AF and OF cleared, as logical instructions do.
  template <std::unsigned_integral T>
  void set_logical(T result) {
    set_zero_sign_parity(result);
    carries = 0;
  }
  // ZF, SF and PF from the result, and the three others as RFLAGS bits.
  template <std::integral T>
  void set_result(T result, std::uint64_t carry_adjust_overflow) {
    set_zero_sign_parity(result);
    set_carry_adjust_overflow(carry_adjust_overflow);
  }
  // A shift's flags. AF, which the manual leaves undefined, is set, as AMD processors do.
  template <std::unsigned_integral T>
  void set_shifted(T result, bool carry_flag, bool overflow_flag) {
    set_zero_sign_parity(result);
    carries = top_carries(carry_flag, overflow_flag) | kCarryOutOf3;
  }
  // The four others stay.
  void set_carry_overflow(bool carry_flag, bool overflow_flag) {
    carries = top_carries(carry_flag, overflow_flag) | (carries & kCarryOutOf3);
  }

  // All six as RFLAGS bits.
  std::uint64_t bits() const {
    return (carry() ? x86::rflags::kCarry : 0) | (parity() ? x86::rflags::kParity : 0) |
           (adjust() ? x86::rflags::kAdjust : 0) | (is_zero() ? x86::rflags::kZero : 0) |
           (sign() ? x86::rflags::kSign : 0) | (overflow() ? x86::rflags::kOverflow : 0);
  }
  void set_bits(std::uint64_t flags) {
    zero = (flags & x86::rflags::kZero) != 0 ? 0 : 1;
    sign_parity = ((flags & x86::rflags::kSign) != 0 ? std::uint64_t{1} << 63 : 0) |
                  ((flags & x86::rflags::kParity) != 0 ? 0 : 1);
    set_carry_adjust_overflow(flags);
  }

 private:
  static constexpr std::uint64_t kTopCarries = std::uint64_t{3} << 62;
  static constexpr std::uint64_t kCarryOutOf3 = 1u << 3;

  template <std::unsigned_integral T>
  static std::uint64_t align(T carries_out) {
    if constexpr (sizeof(T) == 8) {
      return carries_out;
    } else {
      return (std::uint64_t{carries_out} << (64 - sizeof(T) * 8)) | (carries_out & kCarryOutOf3);
    }
  }

  static std::uint64_t top_carries(bool carry_flag, bool overflow_flag) {
    return (std::uint64_t{carry_flag} << 63) | (std::uint64_t{carry_flag != overflow_flag} << 62);
  }

  void set_carry_adjust_overflow(std::uint64_t flags) {
    carries =
        top_carries((flags & x86::rflags::kCarry) != 0, (flags & x86::rflags::kOverflow) != 0) |
        ((flags & x86::rflags::kAdjust) != 0 ? kCarryOutOf3 : 0);
  }
};

}  // namespace orrery::hypervisor::soft
