// From guest bytes to Instruction records (Zydis underneath).
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "hypervisor/soft/decode/instruction.hpp"
#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft {

enum class DecodeStatus : std::uint8_t {
  kDecoded,    // goes on
  kLast,       // the block ends after this instruction
  kTruncated,  // more bytes are needed to know
};

// Decodes the instruction at the start of BYTES (up to 15 matter). OFFSET is where it starts within
// its block. Bytes that are no instruction give a record that raises #UD, or #GP where they are
// longer than 15.
DecodeStatus decode(ByteSpan bytes, CodeSize code_size, std::uint16_t offset, Instruction& record);

// The same, with the form beside; DECODED.info.length is 0 where it is no instruction.
DecodeStatus decode_whole(ByteSpan bytes, CodeSize code_size, std::uint16_t offset,
                          Instruction& record, Decoded& decoded);

// The same as far as Zydis goes: what the bytes say, whether the engine has the instruction or not.
// kDecoded, kTruncated, or kLast where there is no instruction.
DecodeStatus decode_form(ByteSpan bytes, CodeSize code_size, Decoded& decoded);

// The row of a decoded form, or nullptr where the engine does not have it: an instruction without a
// row, of an instruction set that is not there, or in an encoding that is not.
const Row* row_of(const Decoded& decoded);

// The record behind a block's last instruction, OFFSET bytes from its start.
Instruction end_of_block(std::uint16_t offset);

}  // namespace orrery::hypervisor::soft
