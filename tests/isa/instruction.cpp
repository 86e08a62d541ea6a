#include "isa/instruction.hpp"

namespace orrery::isa {

bool DecodedInstruction::has_repeat_prefix() const {
  for (unsigned i = 0; i < info.raw.prefix_count; ++i) {
    if ((info.raw.prefixes[i].value & 0xfe) == 0xf2) return true;
  }
  return false;
}

ZydisDecoder decoder_for(Mode mode) {
  ZydisDecoder decoder;
  if (is_32bit(mode)) {
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
  } else {
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  }
  return decoder;
}

std::optional<DecodedInstruction> decode(const ZydisDecoder& decoder,
                                         std::span<const std::byte> bytes) {
  DecodedInstruction instruction;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes.data(), bytes.size(), &instruction.info,
                                           instruction.operands))) {
    return {};
  }
  return instruction;
}

}  // namespace orrery::isa
