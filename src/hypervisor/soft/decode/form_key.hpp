// What an instruction's bytes say apart from the numbers in it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace orrery::hypervisor::soft {

// An instruction of 64-bit code begins with its form: prefixes, opcode, ModRM and SIB (SDM vol. 2A,
// chapter 2). Displacement and immediate follow, whose sizes the form tells.
struct FormKey {
  std::uint64_t bytes = 0;  // the first in the lowest bits; the rest zero
  unsigned size = 0;

  friend bool operator==(const FormKey&, const FormKey&) = default;
};

// The form that BYTES begin with, or nothing where it is longer than eight bytes, cut short, or one
// of those left out (EVEX, XOP, 3DNow!, MOV with a direct offset). A key may have bytes of the
// immediate as well: where there is doubt about a ModRM byte, and of shifts, whose count decides
// what they do. None is the beginning of another.
std::optional<FormKey> form_key(ByteSpan bytes);

}  // namespace orrery::hypervisor::soft
