// Selectors for rows whose mnemonic has one handler, whatever the operands.
#pragma once

#include "hypervisor/soft/decode/instruction.hpp"
#include "hypervisor/soft/decode/table.hpp"
#include "hypervisor/soft/interpret/handler.hpp"

namespace orrery::hypervisor::soft {

// Goes on to the next instruction of the block.
template <auto body>
bool select_step(const Decoded&, Instruction& record) {
  record.handler = &step<body>;
  return true;
}

// The last of its block.
template <auto body>
bool select_leave(const Decoded&, Instruction& record) {
  record.handler = &leave<body>;
  return true;
}

}  // namespace orrery::hypervisor::soft
