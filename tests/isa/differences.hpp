// What processors may do differently, each with its reason: random sequences leave it out or
// compare it less strictly, and everything else must agree with the host bit for bit. The engine
// and the recorded expectations of tests/isa/forms follow AMD's Zen 5 where the manual leaves a
// choice.
#pragma once

#include <cstdint>
#include <span>

#include <Zydis/Zydis.h>

#include "isa/cases/values.hpp"
#include "isa/executor.hpp"
#include "isa/instruction.hpp"

namespace orrery::isa {

// Whether the host's processor is of the maker whose choices the engine follows. Where it is not,
// more is left out here, and unexplained_of() applies. ORRERY_ISA_MAKER=other in the environment
// denies it, to try that out.
bool is_reference_processor();

// Campaigns have been run on one processor of another maker (Intel's Sapphire Rapids), so not all
// their differences are known: of so many TESTS one in 2000 may disagree there before a run fails.
// Each is printed.
constexpr std::uint64_t unexplained_of(std::uint64_t tests) {
  return tests / 2000;
}

// Why MNEMONIC is never generated, or nullptr.
const char* reason_to_skip(ZydisMnemonic mnemonic);

// Whether makers disagree about what this encoding of an instruction is or does.
bool encoded_ambiguously(const DecodedInstruction& instruction, Mode mode);

// Whether all flags that MNEMONIC writes may also stay as they were (a count of zero), so that what
// was undefined before stays undefined.
bool may_leave_flags(ZydisMnemonic mnemonic);

// x87 condition bits (Zydis' C0 to C3) that MNEMONIC leaves undefined beside what Zydis tells.
std::uint32_t undefined_conditions(ZydisMnemonic mnemonic);

// Whether processors differ in what MNEMONIC does when its x87 exception is unmasked.
bool needs_masked_exceptions(ZydisMnemonic mnemonic);

// The same for the exceptions that MXCSR masks.
bool needs_masked_simd_exceptions(ZydisMnemonic mnemonic);

// Whether what a memory fault of the instruction looks like is the implementation's choice: its
// operand is then always in bounds.
bool faults_differently(const DecodedInstruction& instruction);

// Whether processors differ in what they make of MNEMONIC's operand where it is not aligned.
bool needs_aligned_operand(ZydisMnemonic mnemonic);

// Whether it is the implementation's choice which of two operands is told, where both fault: at
// most one is then out of bounds.
bool faults_in_any_order(ZydisMnemonic mnemonic);

// Whether by any of the above a processor of another maker may do otherwise than EXPECTED with
// CODE, which starts from BEFORE.
bool makers_differ(std::span<const std::byte> code, Mode mode, const Image& before,
                   const Image& expected);

}  // namespace orrery::isa
