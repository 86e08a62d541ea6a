// Mnemonics that a string and a vector instruction share. Their rows stand with string_rows(); its
// selectors hand the forms with visible operands (Decoded::info.operand_count_visible > 0) to
// these.
#pragma once

#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft {

bool select_scalar_double_move(const Decoded& decoded, Instruction& record);     // MOVSD
bool select_scalar_double_compare(const Decoded& decoded, Instruction& record);  // CMPSD

}  // namespace orrery::hypervisor::soft
