// AES-XTS by the vectors of IEEE Std 1619-2007, annex B, and over buffers of all shapes.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "base/types.hpp"
#include "storage/luks/crypto.hpp"
#include "storage/luks/sector_cipher.hpp"

namespace orrery::storage::luks {
namespace {

using Bytes = std::vector<std::byte>;
using Direction = AesXts::Direction;

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

Bytes counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

struct Vector {
  std::string_view key;
  std::uint64_t unit;
  Bytes plain;
  std::string_view cipher;
};

constexpr std::string_view kKey256 =
    "2718281828459045235360287471352662497757247093699959574966967627"
    "3141592653589793238462643383279502884197169399375105820974944592";

const Vector kVectors[] = {
    // 2 and 3: 128 bits
    {"1111111111111111111111111111111122222222222222222222222222222222", 0x3333333333,
     Bytes(32, std::byte{0x44}),
     "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0"},
    {"fffefdfcfbfaf9f8f7f6f5f4f3f2f1f022222222222222222222222222222222", 0x3333333333,
     Bytes(32, std::byte{0x44}),
     "af85336b597afc1a900b2eb21ec949d292df4c047e0b21532186a5971a227a89"},
    // 10: 256 bits
    {kKey256, 0xff, counting(512),
     "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b5d31e276f8fe4a8d"
     "66b317f9ac683f44680a86ac35adfc3345befecb4bb188fd5776926c49a3095eb108fd1098baec70"
     "aaa66999a72a82f27d848b21d4a741b0c5cd4d5fff9dac89aeba122961d03a757123e9870f8acf10"
     "00020887891429ca2a3e7a7d7df7b10355165c8b9a6d0a7de8b062c4500dc4cd120c0f7418dae3d0"
     "b5781c34803fa75421c790dfe1de1834f280d7667b327f6c8cd7557e12ac3a0f93ec05c52e0493ef"
     "31a12d3d9260f79a289d6a379bc70c50841473d1a8cc81ec583e9645e07b8d9670655ba5bbcfecc6"
     "dc3966380ad8fecb17b6ba02469a020a84e18e8f84252070c13e9f1f289be54fbc481457778f6160"
     "15e1327a02b140f1505eb309326d68378f8374595c849d84f4c333ec4423885143cb47bd71c5edae"
     "9be69a2ffeceb1bec9de244fbe15992b11b77c040f12bd8f6a975a44a0f90c29a9abc3d4d8939272"
     "84c58754cce294529f8614dcd2aba991925fedc4ae74ffac6e333b93eb4aff0479da9a410e4450e0"
     "dd7ae4c6e2910900575da401fc07059f645e8b7e9bfdef33943054ff84011493c27b3429eaedb4ed"
     "5376441a77ed43851ad77f16f541dfd269d50d6a5f14fb0aab1cbb4c1550be97f7ab4066193c4caa"
     "773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70b9c6e693e148c151"}};

TEST(AesXts, IsThatOfTheStandard) {
  ASSERT_TRUE(load_crypto());
  for (const Vector& vector : kVectors) {
    const Bytes key = from_hex(vector.key);
    const Bytes cipher = from_hex(vector.cipher);
    Bytes bytes = vector.plain;
    AesXts encrypt = AesXts::create(key, Direction::kEncrypt).value();
    encrypt.transform(vector.unit, bytes.data(), bytes.data(), bytes.size());
    EXPECT_TRUE(bytes == cipher) << vector.cipher;
    AesXts decrypt = AesXts::create(key, Direction::kDecrypt).value();
    decrypt.transform(vector.unit, bytes.data(), bytes.data(), bytes.size());
    EXPECT_TRUE(bytes == vector.plain) << vector.cipher;
  }
}

TEST(AesXts, RefusesAKeyOfTwoEqualHalves) {
  ASSERT_TRUE(load_crypto());
  EXPECT_FALSE(AesXts::create(Bytes(64, std::byte{1}), Direction::kEncrypt));
}

class SectorCipherTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { ASSERT_TRUE(load_crypto()); }
  std::unique_ptr<SectorCipher> make() {
    Segment segment;
    segment.sector_size = GetParam();
    segment.first_unit = 77;
    return SectorCipher::create(from_hex(kKey256), segment, 1).value();
  }
};

// Units by hand: numbers count 512 bytes whatever a unit's size is.
TEST_P(SectorCipherTest, NumbersUnitsAsDmCryptDoes) {
  const Bytes plain = counting(32_KiB);
  Bytes expected = plain;
  AesXts cipher = AesXts::create(from_hex(kKey256), Direction::kEncrypt).value();
  for (std::size_t at = 0; at < expected.size(); at += GetParam()) {
    cipher.transform(77 + (1_MiB + at) / 512, &expected[at], &expected[at], GetParam());
  }
  Bytes from = plain;
  Bytes encrypted(plain.size());
  make()->encrypt(1_MiB, {from}, encrypted);
  EXPECT_TRUE(encrypted == expected);
  EXPECT_TRUE(from == plain);
}

// Any piece of whole sectors of 512 bytes, cut into buffers of any sizes.
TEST_P(SectorCipherTest, WorksOnAnyPieceInAnyBuffers) {
  const auto cipher = make();
  Bytes plain = counting(64_KiB);
  Bytes whole(plain.size());
  cipher->encrypt(0, {plain}, whole);
  std::mt19937 random(7);
  for (unsigned round = 0; round < 300; ++round) {
    const std::size_t first = random() % 128;
    const std::size_t count = 1 + random() % (128 - first);
    const std::size_t offset = first * 512;
    const std::size_t size = count * 512;
    Bytes piece(plain.begin() + static_cast<std::ptrdiff_t>(offset),
                plain.begin() + static_cast<std::ptrdiff_t>(offset + size));
    const std::size_t step = random() % 3 == 0 ? 1 + random() % 700 : GetParam();
    SectorCipher::Buffers buffers;
    for (std::size_t at = 0; at < size; at += step) {
      buffers.push_back(MutableByteSpan(piece).subspan(at, std::min(step, size - at)));
    }
    Bytes encrypted(size);
    cipher->encrypt(offset, buffers, encrypted);
    ASSERT_TRUE(std::ranges::equal(encrypted, ByteSpan(whole).subspan(offset, size)))
        << "round " << round << ": " << size << " bytes at " << offset << " by " << step;
    std::ranges::copy(encrypted, piece.begin());
    cipher->decrypt(offset, buffers);
    ASSERT_TRUE(std::ranges::equal(piece, ByteSpan(plain).subspan(offset, size)))
        << "round " << round << ": " << size << " bytes at " << offset << " by " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, SectorCipherTest, ::testing::Values(512, 1024, 2048, 4096));

}  // namespace
}  // namespace orrery::storage::luks
