// Key slots come and go, whatever the power does.
#include <random>

#include "base/encoding/base64.hpp"
#include "storage/luks/anti_forensic.hpp"
#include "storage/luks/fixture.hpp"
#include "storage/luks/layout.hpp"

namespace orrery::storage::luks {
namespace {

TEST(AntiForensic, LosesTheKeyWithAnyStripe) {
  ASSERT_TRUE(load_crypto());
  SecretBytes key(64);
  draw_random(key.bytes());
  for (const char* hash : {"sha256", "sha512", "sha1"}) {
    SecretBytes split = split_key(key.bytes(), 40, hash).value();
    EXPECT_TRUE(std::ranges::equal(merge_key(split.bytes(), 64, 40, hash)->bytes(), key.bytes()));
    split.bytes()[17] ^= std::byte{1};
    EXPECT_FALSE(std::ranges::equal(merge_key(split.bytes(), 64, 40, hash)->bytes(), key.bytes()));
  }
}

TEST(Base64, IsThatOfTheStandard) {
  // RFC 4648, section 10.
  const std::pair<const char*, const char*> kCases[] = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : kCases) {
    EXPECT_EQ(to_base64(text_bytes(plain)), text);
    const auto bytes = from_base64(text);
    ASSERT_TRUE(bytes) << text;
    EXPECT_TRUE(std::ranges::equal(*bytes, text_bytes(plain))) << text;
  }
  for (const char* wrong : {"Z", "Zg=", "Zh==", "Zg==Zg==", "=g==", "Zm9\n", "====", "Zm=v"}) {
    EXPECT_FALSE(from_base64(wrong)) << wrong;
  }
}

TEST(SecretBytes, AreComparedAndShortened) {
  SecretBytes one(5000);
  draw_random(one.bytes());
  SecretBytes other(5000);
  std::ranges::copy(one.bytes(), other.bytes().begin());
  EXPECT_TRUE(equal_in_constant_time(one.bytes(), other.bytes()));
  other.bytes()[4999] ^= std::byte{1};
  EXPECT_FALSE(equal_in_constant_time(one.bytes(), other.bytes()));
  one.shorten(10);
  other.shorten(10);
  EXPECT_TRUE(equal_in_constant_time(one.bytes(), other.bytes()));
  one.shorten(0);
  EXPECT_FALSE(equal_in_constant_time(one.bytes(), other.bytes()));
  one = std::move(other);
  EXPECT_EQ(one.size(), 10u);
}

TEST_F(VolumeTest, KeysComeAndGo) {
  ASSERT_TRUE(create("first"));
  EXPECT_EQ(add("first", "second").value(), 1u);
  EXPECT_EQ(add("second", "third").value(), 2u);
  EXPECT_EQ(opens("first").value(), 0u);
  EXPECT_EQ(opens("third").value(), 2u);
  EXPECT_TRUE(remove(0));
  EXPECT_FALSE(opens("first"));
  EXPECT_EQ(add("second", "fourth").value(), 0u);
  EXPECT_EQ(opens("fourth").value(), 0u);
  EXPECT_TRUE(remove(1));
  EXPECT_TRUE(remove(2));
  const auto last = remove(0);
  ASSERT_FALSE(last);
  EXPECT_NE(last.error().message().find("is the last one"), std::string::npos);
  EXPECT_FALSE(remove(7));
  EXPECT_TRUE(opens("fourth"));
}

TEST_F(VolumeTest, HasRoomFor32Keys) {
  ASSERT_TRUE(create("0"));
  for (unsigned i = 1; i < 32; ++i) ASSERT_TRUE(add("0", std::to_string(i))) << i;
  const auto more = add("0", "32");
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().message().find("no room for another key"), std::string::npos);
  EXPECT_EQ(opens("31").value(), 31u);
}

TEST_F(VolumeTest, WhatASlotHeldIsOverwritten) {
  ASSERT_TRUE(create("first"));
  ASSERT_TRUE(add("first", "second"));
  const std::vector<std::byte> before = file_->content;
  ASSERT_TRUE(remove(0));
  std::size_t same = 0;
  for (std::size_t at = 2 * kNewHeader; at < 2 * kNewHeader + 256000; ++at) {
    if (file_->content[at] == before[at]) ++same;
  }
  EXPECT_LT(same, 2000u);  // one in 256 by chance
}

TEST_F(VolumeTest, ArgonOpensIt) {
  const auto outer = disk();
  NewVolume options;
  options.cost = {
      .kind = KeyDerivation::Kind::kArgon2id, .iterations = 4, .memory = 64, .lanes = 2};
  ASSERT_TRUE(run_task(*loop_, Volume::create(*outer, options, text_bytes("key"))));
  EXPECT_TRUE(opens("key"));
  EXPECT_FALSE(opens("kex"));
}

// The power is cut at any operation of adding and removing keys: afterwards there is one whole
// header, a key that no change was asked for opens the volume, and the one that was added or
// removed does or does not; a change that was done stays.
TEST_F(VolumeTest, APowerCutLosesNoKey) {
  ASSERT_TRUE(create("kept"));
  ASSERT_TRUE(add("kept", "going"));
  const std::vector<std::byte> start = file_->content;
  std::mt19937_64 random(3);
  for (const bool adds : {true, false}) {
    bool finished = false;
    for (std::uint64_t after = 0; !finished; ++after) {
      for (unsigned round = 0; round < 2; ++round) {
        file_->start_from(start);
        file_->operations = 0;
        file_->fails_after = after;
        finished = adds ? add("kept", "coming").has_value() : remove(1).has_value();
        std::vector<std::byte> left = file_->cut_power(random);
        left.resize(start.size());
        file_->fails_after = UINT64_MAX;
        file_->start_from(std::move(left));
        const auto kept = opens("kept");
        ASSERT_TRUE(kept) << (adds ? "add" : "remove") << " cut after " << after << ": "
                          << kept.error().message();
        if (adds) {
          EXPECT_TRUE(opens("going")) << after;
        }
        if (finished) {
          EXPECT_EQ(opens(adds ? "coming" : "going").has_value(), adds);
        }
        const auto chosen = choose_header(ByteSpan(file_->content).first(2 * kNewHeader));
        ASSERT_TRUE(chosen);
        EXPECT_TRUE(chosen->both_whole) << after;
      }
    }
    file_->start_from(start);
  }
}

}  // namespace
}  // namespace orrery::storage::luks
