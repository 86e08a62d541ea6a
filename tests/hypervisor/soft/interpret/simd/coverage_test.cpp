// Every MMX, x87 and SSE to SSE4.2 instruction that the disassembler knows has a row in the table.
#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft {
namespace {

bool is_ours(const ZydisDecodedInstruction& info) {
  if (info.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) return false;
  switch (info.meta.isa_ext) {
    case ZYDIS_ISA_EXT_X87:
    case ZYDIS_ISA_EXT_MMX:
    case ZYDIS_ISA_EXT_SSE:
    case ZYDIS_ISA_EXT_SSE2:
    case ZYDIS_ISA_EXT_SSE3:
    case ZYDIS_ISA_EXT_SSSE3:
    case ZYDIS_ISA_EXT_SSE4: return true;
    default: return false;
  }
}

// All opcodes of a map with every ModRM, after PREFIX.
void look(const ZydisDecoder& decoder, std::initializer_list<int> start,
          std::set<ZydisMnemonic>& found) {
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    for (unsigned modrm = 0; modrm < 256; ++modrm) {
      std::uint8_t bytes[15] = {};
      std::uint8_t* end = bytes;
      for (const int byte : start) *end++ = static_cast<std::uint8_t>(byte);
      *end++ = static_cast<std::uint8_t>(opcode);
      *end++ = static_cast<std::uint8_t>(modrm);
      ZydisDecodedInstruction info;
      const auto status =
          ZydisDecoderDecodeInstruction(&decoder, nullptr, bytes, sizeof bytes, &info);
      if (ZYAN_SUCCESS(status) && is_ours(info)) found.insert(info.mnemonic);
    }
  }
}

TEST(VectorCoverage, EveryInstructionHasARow) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  std::set<ZydisMnemonic> known;
  look(decoder, {}, known);
  for (const int prefix : {0x90, 0x66, 0xf2, 0xf3}) {
    const int first = prefix == 0x90 ? 0x3e : prefix;  // 3E changes nothing in 64-bit code
    for (const int rex : {0x40, 0x48}) {
      look(decoder, {first, rex, 0x0f}, known);
      look(decoder, {first, rex, 0x0f, 0x38}, known);
      look(decoder, {first, rex, 0x0f, 0x3a}, known);
    }
  }
  std::string missing;
  for (const ZydisMnemonic mnemonic : known) {
    if (find_row(mnemonic) == nullptr)
      missing += std::string(" ") + ZydisMnemonicGetString(mnemonic);
  }
  EXPECT_GT(known.size(), 300u);
  EXPECT_EQ(missing, "");
}

}  // namespace
}  // namespace orrery::hypervisor::soft
