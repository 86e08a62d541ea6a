#include "hypervisor/soft/decode/decoder.hpp"

#include <algorithm>
#include <limits>

#include "hypervisor/soft/decode/instruction_sets.hpp"
#include "hypervisor/soft/interpret/handler.hpp"

namespace orrery::hypervisor::soft {
namespace {

constexpr std::size_t kLongestInstruction = 15;

class Decoders {
 public:
  Decoders() {
    set_up(decoders_[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    set_up(decoders_[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    set_up(decoders_[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  }
  const ZydisDecoder& operator[](CodeSize size) const {
    return decoders_[static_cast<unsigned>(size)];
  }

 private:
  // Encodings that mean something else on a processor without the feature are decoded as that
  // processor would.
  static void set_up(ZydisDecoder& decoder, ZydisMachineMode mode, ZydisStackWidth width) {
    ZydisDecoderInit(&decoder, mode, width);
    for (const ZydisDecoderMode feature :
         {ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_CET, ZYDIS_DECODER_MODE_WBNOINVD,
          ZYDIS_DECODER_MODE_CLDEMOTE}) {
      ZydisDecoderEnableMode(&decoder, feature, ZYAN_FALSE);
    }
    // Without these the encodings are BSR and BSF.
    if (!has_instruction_set(ZYDIS_ISA_EXT_LZCNT, ZYDIS_INSTRUCTION_ENCODING_LEGACY)) {
      ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_LZCNT, ZYAN_FALSE);
    }
    if (!has_instruction_set(ZYDIS_ISA_EXT_BMI1, ZYDIS_INSTRUCTION_ENCODING_LEGACY)) {
      ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_TZCNT, ZYAN_FALSE);
    }
  }

  ZydisDecoder decoders_[3];
};

const ZydisDecoder& decoder_for(CodeSize size) {
  static const Decoders decoders;
  return decoders[size];
}

void raise_invalid_opcode(Cpu& cpu, const Instruction&) {
  cpu.raise(x86::Exception::kInvalidOpcode);
}
void raise_too_long(Cpu& cpu, const Instruction&) {
  cpu.raise(x86::Exception::kGeneralProtection, 0);
}

void execute_end_of_block(Cpu& cpu, const Instruction* i) {
  cpu.fall_through(*i);
  return leave_block(cpu, i - 1);
}

std::uint8_t slot_of(ZydisRegister reg, std::uint8_t none) {
  switch (reg) {
    case ZYDIS_REGISTER_NONE: return none;
    case ZYDIS_REGISTER_RIP:
    case ZYDIS_REGISTER_EIP: return kBlockRipSlot;
    default: return static_cast<std::uint8_t>(ZydisRegisterGetId(reg));
  }
}

std::uint8_t shift_of(std::uint8_t scale) {
  return scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
}

void fill_memory(const ZydisDecodedInstruction& info, const ZydisDecodedOperandMem& memory,
                 Instruction& record) {
  record.base = slot_of(memory.base, kZeroSlot);
  record.index = slot_of(memory.index, kZeroSlot);
  record.scale = shift_of(memory.scale);
  record.segment = static_cast<std::uint8_t>(ZydisRegisterGetId(memory.segment));
  std::int64_t displacement = memory.disp.has_displacement ? memory.disp.value : 0;
  if (record.base == kBlockRipSlot) displacement += record.offset + info.length;

  if (info.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (info.opcode & 0xfc) == 0xa0) {
    record.immediate = static_cast<std::uint64_t>(displacement);  // MOV with a direct offset
    displacement = 0;
  } else if (displacement > std::numeric_limits<std::int32_t>::max()) {
    displacement -= std::int64_t{1} << 31;
    record.index = kTwoGibSlot;
    record.scale = 0;
  }
  record.displacement = static_cast<std::int32_t>(displacement);
}

void fill_immediate(const ZydisDecodedInstruction& info, const ZydisDecodedOperandImm& immediate,
                    Instruction& record) {
  record.immediate = immediate.value.u;
  if (immediate.is_relative) {
    record.immediate += static_cast<std::uint64_t>(record.offset) + info.length;
  }
}

void fill_operands(const Decoded& decoded, Instruction& record) {
  bool have_memory = false;
  bool have_immediate = false;
  for (unsigned n = 0; n < decoded.info.operand_count; ++n) {
    const ZydisDecodedOperand& operand = decoded.operands[n];
    const bool stated = operand.visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN;
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && !have_memory && stated) {
      fill_memory(decoded.info, operand.mem, record);
      have_memory = true;
    } else if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && stated) {
      if (have_immediate) {
        record.extra = static_cast<std::uint8_t>(operand.imm.value.u);
      } else {
        fill_immediate(decoded.info, operand.imm, record);
        have_immediate = true;
      }
    }
  }
}

void fill_sizes_and_prefixes(const ZydisDecodedInstruction& info, Instruction& record) {
  record.length = info.length;
  record.operand_size = static_cast<std::uint8_t>(info.operand_width / 8);
  record.address_size = static_cast<std::uint8_t>((info.address_width / 8) & 0xf);
  record.locked = (info.attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0;
  if ((info.attributes & ZYDIS_ATTRIB_HAS_REPNE) != 0) {
    record.repeat = Repeat::kWhileNotEqual;
  } else if ((info.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) != 0) {
    record.repeat = Repeat::kWhileEqual;
  }
}

// A SIB byte without a base has a displacement instead, whatever REX.B says (SDM vol. 2A, table
// 2-5); Zydis 4.0 takes R13 then, and loses the displacement.
void take_away_base(Decoded& decoded) {
  const auto& raw = decoded.info.raw;
  constexpr unsigned kSib = 4;
  constexpr unsigned kNoBase = 5;
  if ((decoded.info.attributes & ZYDIS_ATTRIB_HAS_SIB) == 0 || raw.modrm.mod != 0 ||
      raw.modrm.rm != kSib || raw.sib.base != kNoBase) {
    return;
  }
  for (unsigned n = 0; n < decoded.info.operand_count; ++n) {
    ZydisDecodedOperandMem& memory = decoded.operands[n].mem;
    if (decoded.operands[n].type != ZYDIS_OPERAND_TYPE_MEMORY) continue;
    if (decoded.operands[n].encoding != ZYDIS_OPERAND_ENCODING_MODRM_RM) continue;
    memory.base = ZYDIS_REGISTER_NONE;
    memory.disp.has_displacement = ZYAN_TRUE;
    memory.disp.value = raw.disp.value;
  }
}

ZyanStatus decode_with_zydis(ByteSpan bytes, CodeSize code_size, Decoded& decoded) {
  decoded.code_size = code_size;
  const std::size_t given = std::min(bytes.size(), kLongestInstruction);
  const ZyanStatus status = ZydisDecoderDecodeFull(&decoder_for(code_size), bytes.data(), given,
                                                   &decoded.info, decoded.operands);
  if (ZYAN_SUCCESS(status)) take_away_base(decoded);
  return status;
}

}  // namespace

const Row* row_of(const Decoded& decoded) {
  return has_instruction_set(decoded.info) ? find_row(decoded.info.mnemonic) : nullptr;
}

DecodeStatus decode_form(ByteSpan bytes, CodeSize code_size, Decoded& decoded) {
  const ZyanStatus status = decode_with_zydis(bytes, code_size, decoded);
  if (status == ZYDIS_STATUS_NO_MORE_DATA && bytes.size() < kLongestInstruction) {
    return DecodeStatus::kTruncated;
  }
  return ZYAN_SUCCESS(status) ? DecodeStatus::kDecoded : DecodeStatus::kLast;
}

DecodeStatus decode_whole(ByteSpan bytes, CodeSize code_size, std::uint16_t offset,
                          Instruction& record, Decoded& decoded) {
  record = Instruction{};
  record.offset = offset;
  record.length = 1;
  const auto refuse = [&](Handler handler) {
    record.handler = handler;
    decoded.info.length = 0;
    return DecodeStatus::kLast;
  };

  const std::size_t given = std::min(bytes.size(), kLongestInstruction);
  const ZyanStatus status = decode_with_zydis(bytes, code_size, decoded);
  if (status == ZYDIS_STATUS_NO_MORE_DATA && given < kLongestInstruction) {
    decoded.info.length = 0;
    return DecodeStatus::kTruncated;
  }
  if (status == ZYDIS_STATUS_NO_MORE_DATA || status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG) {
    return refuse(&leave<raise_too_long>);
  }
  if (!ZYAN_SUCCESS(status)) return refuse(&leave<raise_invalid_opcode>);

  const Row* row = row_of(decoded);
  if (row == nullptr) return refuse(&leave<raise_invalid_opcode>);
  fill_sizes_and_prefixes(decoded.info, record);
  record.flat = code_size == CodeSize::k64 && record.address_size == 8;
  fill_operands(decoded, record);
  if (!row->select(decoded, record)) return refuse(&leave<raise_invalid_opcode>);
  return row->ends == Ends::kBlock ? DecodeStatus::kLast : DecodeStatus::kDecoded;
}

DecodeStatus decode(ByteSpan bytes, CodeSize code_size, std::uint16_t offset, Instruction& record) {
  Decoded decoded;
  return decode_whole(bytes, code_size, offset, record, decoded);
}

Instruction end_of_block(std::uint16_t offset) {
  Instruction record;
  record.handler = &execute_end_of_block;
  record.offset = offset;
  return record;
}

}  // namespace orrery::hypervisor::soft
