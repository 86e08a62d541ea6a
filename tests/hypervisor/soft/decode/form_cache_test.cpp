#include "hypervisor/soft/decode/form_cache.hpp"

#include <algorithm>
#include <span>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "hypervisor/soft/decode/decoder.hpp"
#include "random_code.hpp"

namespace orrery::hypervisor::soft {
namespace {

class FormCacheTest : public testing::Test {
 protected:
  // Whether the cache says of BYTES what the decoder says.
  testing::AssertionResult agrees(ByteSpan bytes, std::uint16_t offset) {
    Instruction expected;
    Instruction record;
    const DecodeStatus status = decode(bytes, CodeSize::k64, offset, expected);
    const DecodeStatus cached = forms_.decode(bytes, offset, record);
    if (cached == status && (status == DecodeStatus::kTruncated || record == expected)) {
      return testing::AssertionSuccess();
    }
    std::string text;
    for (const std::byte byte : bytes) text += format("{:02x} ", std::to_integer<unsigned>(byte));
    return testing::AssertionFailure() << text << "at offset " << offset;
  }

  FormCache forms_;
  RandomCode code_{20261126};
};

TEST_F(FormCacheTest, DecodesWhatTheDecoderDoes) {
  for (int n = 0; n < 400'000; ++n) {
    const CodeBytes bytes = code_.draw_instruction();
    ASSERT_TRUE(agrees(bytes, code_.draw_offset()));
  }
}

// Every form comes twice, the second time with other numbers in it.
TEST_F(FormCacheTest, TakesTheNumbersOutOfTheBytes) {
  for (int n = 0; n < 200'000; ++n) {
    CodeBytes bytes = code_.draw_instruction();
    ASSERT_TRUE(agrees(bytes, 3));
    code_.draw_numbers(bytes);
    ASSERT_TRUE(agrees(bytes, code_.draw_offset()));
  }
}

TEST_F(FormCacheTest, AsksForTheRestOfAKnownForm) {
  for (int n = 0; n < 20'000; ++n) {
    const CodeBytes bytes = code_.draw_instruction();
    ASSERT_TRUE(agrees(bytes, 0));
    for (std::size_t size = 1; size < bytes.size(); ++size) {
      ASSERT_TRUE(agrees(std::span(bytes).first(size), 0));
    }
  }
}

// RIP-relative: the displacement from the block's start no longer fits.
TEST_F(FormCacheTest, KnowsADisplacementThatOverflows) {
  CodeBytes bytes{};
  bytes[0] = std::byte{0x8b};  // mov eax, [rip + displacement]
  bytes[1] = std::byte{0x05};
  ASSERT_TRUE(agrees(bytes, 100));
  std::fill_n(bytes.begin() + 2, 3, std::byte{0xff});
  bytes[5] = std::byte{0x7f};
  EXPECT_TRUE(agrees(bytes, 100));
  bytes[5] = std::byte{0xff};
  EXPECT_TRUE(agrees(bytes, 100));
}

}  // namespace
}  // namespace orrery::hypervisor::soft
