// Test code as Zydis decodes it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include <Zydis/Zydis.h>

#include "isa/executor.hpp"

namespace orrery::isa {

struct DecodedInstruction {
  ZydisDecodedInstruction info;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

  std::span<const ZydisDecodedOperand> all() const { return {operands, info.operand_count}; }
  bool has_repeat_prefix() const;
};

ZydisDecoder decoder_for(Mode mode);

// The instruction that BYTES begin with; nothing where Zydis knows none.
std::optional<DecodedInstruction> decode(const ZydisDecoder& decoder,
                                         std::span<const std::byte> bytes);

}  // namespace orrery::isa
