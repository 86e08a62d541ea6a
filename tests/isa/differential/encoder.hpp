// Random bytes for a form, and the simple moves that prepare for it.
#pragma once

#include <cstdint>
#include <vector>

#include "isa/differential/forms.hpp"
#include "isa/differential/random.hpp"

namespace orrery::isa::differential {

// The form with prefixes, registers, addressing and immediates chosen at random. Displacements are
// short or below 2 KiB.
std::vector<std::uint8_t> random_encoding(const Form& form, Mode mode, Random& random);

// MOV r, imm32 (sign-extended in 64-bit code); leaves flags alone.
void append_move(std::vector<std::uint8_t>& bytes, Mode mode, unsigned gpr, std::int32_t value);

// MOV [ADDRESS], imm32 as wide as a pointer of the mode; leaves flags and registers alone. The
// immediate is the last four bytes.
void append_store(std::vector<std::uint8_t>& bytes, Mode mode, std::uint32_t address,
                  std::int32_t value);

// FLDCW and LDMXCSR of ADDRESS.
void append_load_control(std::vector<std::uint8_t>& bytes, Mode mode, std::uint32_t address);
void append_load_mxcsr(std::vector<std::uint8_t>& bytes, Mode mode, std::uint32_t address);

}  // namespace orrery::isa::differential
