#include "hypervisor/soft/translate/emit/rewriter.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hypervisor/soft/decode/decoder.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

std::string text_of(ByteSpan code) {
  Decoded decoded;
  if (decode_form(code, CodeSize::k64, decoded) != DecodeStatus::kDecoded) return "(nothing)";
  ZydisFormatter formatter;
  ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
  char text[128];
  ZydisFormatterFormatInstruction(&formatter, &decoded.info, decoded.operands,
                                  decoded.info.operand_count_visible, text, sizeof text, 0,
                                  nullptr);
  return decoded.info.length == code.size() ? text : std::string(text) + " and more";
}

std::string rewritten(const std::vector<unsigned>& bytes, const Substitution& substitution) {
  std::vector<std::byte> code;
  code.reserve(bytes.size());
  for (const unsigned byte : bytes) code.push_back(static_cast<std::byte>(byte));
  Decoded decoded;
  EXPECT_EQ(decode_form(code, CodeSize::k64, decoded), DecodeStatus::kDecoded);
  return text_of(rewrite(decoded, code, substitution).span());
}

TEST(Rewriter, KeepsWhatIsNotSubstituted) {
  EXPECT_EQ(rewritten({0x48, 0x01, 0xd8}, {}), "add rax, rbx");
  EXPECT_EQ(rewritten({0x66, 0x45, 0x0f, 0xfe, 0xc7}, {}), "paddd xmm8, xmm15");
  EXPECT_EQ(rewritten({0x40, 0x00, 0xf7}, {}), "add dil, sil");
  EXPECT_EQ(rewritten({0x00, 0xe7}, {}), "add bh, ah");
}

TEST(Rewriter, PutsOtherRegistersInEveryField) {
  EXPECT_EQ(rewritten({0x48, 0x01, 0xd8}, {.reg = 11, .rm = 15}), "add r15, r11");
  EXPECT_EQ(rewritten({0x4d, 0x01, 0xd8}, {.reg = 3, .rm = 0}), "add rax, rbx");
  EXPECT_EQ(rewritten({0x0f, 0xcc}, {.opcode = 15}), "bswap r15d");
  EXPECT_EQ(rewritten({0x49, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8}, {.opcode = 1}),
            "mov rcx, 0x807060504030201");
  EXPECT_EQ(rewritten({0x66, 0xb8, 0x34, 0x12}, {.opcode = 10}), "mov r10w, 0x1234");
}

TEST(Rewriter, PutsTheMemoryOperandBehindARegister) {
  const Substitution r10{.memory_base = 10};
  EXPECT_EQ(rewritten({0x48, 0x8b, 0x84, 0x8b, 0x78, 0x56, 0x34, 0x12}, r10), "mov rax, [r10]");
  EXPECT_EQ(rewritten({0x8b, 0x05, 0x10, 0x00, 0x00, 0x00}, r10), "mov eax, [r10]");
  EXPECT_EQ(rewritten({0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0}, r10), "mov rax, [r10]");
  EXPECT_EQ(rewritten({0xf0, 0x49, 0x0f, 0xb1, 0x4c, 0x24, 0x08}, r10), "lock cmpxchg [r10], rcx");
  EXPECT_EQ(rewritten({0x81, 0x44, 0x24, 0x10, 0x78, 0x56, 0x34, 0x12}, r10),
            "add dword ptr [r10], 0x12345678");
  EXPECT_EQ(rewritten({0xf2, 0x44, 0x0f, 0x58, 0x44, 0xc8, 0x08}, r10), "addsd xmm8, [r10]");
  EXPECT_EQ(rewritten({0x66, 0x0f, 0x3a, 0x0f, 0x0f, 0x05}, r10), "palignr xmm1, [r10], 0x05");
}

// Where a prefix has no meaning to the engine's processor, it must have none to the host's: F3 here
// may have one some day, as that of LZCNT once had.
TEST(Rewriter, DropsPrefixesWithoutMeaning) {
  EXPECT_EQ(rewritten({0xf3, 0x0f, 0xaf, 0xc3}, {}), "imul eax, ebx");
  EXPECT_EQ(rewritten({0xf2, 0x48, 0x0f, 0xbc, 0xc3}, {}), "bsf rax, rbx");
  EXPECT_EQ(rewritten({0xf3, 0x48, 0x0f, 0xbc, 0xc3}, {}), "tzcnt rax, rbx");
}

TEST(Rewriter, WritesVexInThreeBytes) {
  EXPECT_EQ(rewritten({0xc5, 0xec, 0x58, 0xcb}, {}), "vaddps ymm1, ymm2, ymm3");
  EXPECT_EQ(rewritten({0xc5, 0x6c, 0x58, 0x4c, 0x24, 0x20}, {.memory_base = 10}),
            "vaddps ymm9, ymm2, [r10]");
  EXPECT_EQ(rewritten({0xc4, 0xe2, 0xe8, 0xf2, 0xc3}, {.reg = 11, .rm = 14, .vvvv = 10}),
            "andn r11, r10, r14");
}

}  // namespace
}  // namespace orrery::hypervisor::soft::translate
