#include "hypervisor/soft/decode/form_cache.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <span>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "hypervisor/soft/decode/decoder.hpp"

namespace orrery::hypervisor::soft {
namespace {

using Bytes = std::array<std::byte, 15>;

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

  std::byte draw() { return static_cast<std::byte>(random_() & 0xff); }

  // Opcodes of all maps, with the prefixes of common code.
  Bytes draw_instruction() {
    Bytes bytes;
    std::ranges::generate(bytes, [this] { return draw(); });
    static constexpr std::array kFirst = {0x66, 0xf2, 0xf3, 0xf0, 0x64, 0x2e, 0x67};
    std::size_t size = 0;
    if (random_() % 4 == 0) bytes[size++] = std::byte(kFirst[random_() % kFirst.size()]);
    if (random_() % 2 == 0) bytes[size++] = std::byte(0x40 | random_() % 16);
    switch (random_() % 6) {
      case 0: bytes[size++] = std::byte{0x0f}; break;
      case 1: bytes[size++] = std::byte{0x0f}, bytes[size++] = std::byte{0x38}; break;
      case 2: bytes[size++] = std::byte{0x0f}, bytes[size++] = std::byte{0x3a}; break;
      case 3: bytes[size++] = random_() % 2 == 0 ? std::byte{0xc4} : std::byte{0xc5}; break;
      default: break;
    }
    return bytes;
  }

  FormCache forms_;
  std::mt19937 random_{20261126};
};

TEST_F(FormCacheTest, DecodesWhatTheDecoderDoes) {
  for (int n = 0; n < 400'000; ++n) {
    const Bytes bytes = draw_instruction();
    ASSERT_TRUE(agrees(bytes, static_cast<std::uint16_t>(random_() % 4096)));
  }
}

// Every form comes twice, the second time with other numbers in it.
TEST_F(FormCacheTest, TakesTheNumbersOutOfTheBytes) {
  for (int n = 0; n < 200'000; ++n) {
    Bytes bytes = draw_instruction();
    ASSERT_TRUE(agrees(bytes, 3));
    const std::size_t kept = form_key(bytes).value_or(FormKey{}).size;
    for (std::size_t at = kept; at < bytes.size(); ++at) {
      bytes[at] = random_() % 3 == 0 ? std::byte(random_() % 2 * 0xff) : draw();
    }
    ASSERT_TRUE(agrees(bytes, static_cast<std::uint16_t>(random_() % 4096)));
  }
}

TEST_F(FormCacheTest, AsksForTheRestOfAKnownForm) {
  for (int n = 0; n < 20'000; ++n) {
    const Bytes bytes = draw_instruction();
    ASSERT_TRUE(agrees(bytes, 0));
    for (std::size_t size = 1; size < bytes.size(); ++size) {
      ASSERT_TRUE(agrees(std::span(bytes).first(size), 0));
    }
  }
}

// RIP-relative: the displacement from the block's start no longer fits.
TEST_F(FormCacheTest, KnowsADisplacementThatOverflows) {
  Bytes bytes{};
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
