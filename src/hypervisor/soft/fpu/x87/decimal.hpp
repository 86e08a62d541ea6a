// Packed decimal integers of FBLD and FBSTP (SDM vol. 1, 4.7): ten bytes, two digits each, lowest
// first; bit 79 is the sign. Carried as a Float80 only for its ten bytes.
#pragma once

#include "hypervisor/soft/fpu/x87/unit.hpp"

namespace orrery::hypervisor::soft::x87 {

// FFFFC000000000000000h
inline constexpr Float80 kDecimalIndefinite{0xc000'0000'0000'0000, 0xffff};

// Digits above 9 are not checked by processors either; they count as what they weigh.
Float80 from_decimal(const Float80& digits);

// Rounded to an integer; the indefinite and an invalid operation beyond 18 digits.
Float80 to_decimal(const Number& value, Context& context);

}  // namespace orrery::hypervisor::soft::x87
