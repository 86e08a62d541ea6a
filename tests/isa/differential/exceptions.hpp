// What random sequences leave out or compare less strictly, each with its reason. Everything else
// must agree with the host bit for bit.
#pragma once

#include <cstdint>

#include <Zydis/Zydis.h>

namespace orrery::isa::differential {

// Why MNEMONIC is never generated, or nullptr.
const char* reason_to_skip(ZydisMnemonic mnemonic);

// Whether all flags that MNEMONIC writes may also stay as they were (a count of zero), so that what
// was undefined before stays undefined.
bool may_leave_flags(ZydisMnemonic mnemonic);

// x87 condition bits (Zydis' C0 to C3) that MNEMONIC leaves undefined beside what Zydis tells.
std::uint32_t undefined_conditions(ZydisMnemonic mnemonic);

// Whether processors differ in what MNEMONIC does when its x87 exception is unmasked.
bool needs_masked_exceptions(ZydisMnemonic mnemonic);

// The same for the exceptions that MXCSR masks.
bool needs_masked_simd_exceptions(ZydisMnemonic mnemonic);

// Whether what a memory fault of MNEMONIC looks like is the implementation's choice: its operand is
// then always in bounds.
bool faults_differently(ZydisMnemonic mnemonic);

// Whether processors differ in what they make of MNEMONIC's operand where it is not aligned.
bool needs_aligned_operand(ZydisMnemonic mnemonic);

// Whether it is the implementation's choice which of two operands is told, where both fault: at
// most one is then out of bounds.
bool faults_in_any_order(ZydisMnemonic mnemonic);

}  // namespace orrery::isa::differential
