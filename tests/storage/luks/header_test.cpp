// Headers that are damaged, cut, or of something else: each is told apart, and one whole copy is
// enough.
#include <functional>
#include <random>

#include <nlohmann/json.hpp>

#include "storage/luks/fixture.hpp"
#include "storage/luks/layout.hpp"

namespace orrery::storage::luks {
namespace {

using nlohmann::json;

class HeaderTest : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    const auto made = create("key");
    ASSERT_TRUE(made) << made.error().message();
  }

  void expect_error(const std::string& part) {
    const auto opened = opens("key");
    ASSERT_FALSE(opened) << part;
    EXPECT_NE(opened.error().message().find(part), std::string::npos) << opened.error().message();
  }
  void flip(std::uint64_t at) { file_->content[at] ^= std::byte{1}; }
  ChosenHeader chosen() { return choose_header(ByteSpan(file_->content).first(8_MiB)).value(); }

  // Both copies, with a document that CHANGE was made to.
  void rewrite(const std::function<void(json&)>& change) {
    Header header = chosen().header;
    json document = json::parse(header.json);
    change(document);
    header.json = document.dump();
    put(header);
  }
  void put(const Header& header) {
    for (const Copy copy : {Copy::kFirst, Copy::kSecond}) {
      const auto bytes = make_copy(header, copy).value();
      const std::uint64_t at = copy == Copy::kFirst ? 0 : header.size;
      std::ranges::copy(bytes, file_->content.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  void expect_refused(const std::function<void(json&)>& change, const std::string& part) {
    const std::vector<std::byte> before = file_->content;
    rewrite(change);
    expect_error(part);
    file_->content = before;
  }
};

TEST_F(HeaderTest, OpensWithItsKeyOnly) {
  EXPECT_EQ(opens("key").value(), 0u);
  const auto wrong = opens("another");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message().find("the key does not open it"), std::string::npos);
}

TEST_F(HeaderTest, ATornCopyIsMendedFromTheOther) {
  for (const std::uint64_t at :
       {std::uint64_t{100}, std::uint64_t{5000}, kNewHeader + 300, kNewHeader + 6000}) {
    flip(at);
    EXPECT_FALSE(chosen().both_whole) << at;
    EXPECT_TRUE(opens("key")) << at;
    EXPECT_TRUE(chosen().both_whole) << at;
  }
}

TEST_F(HeaderTest, AReadOnlyDiskIsNotMended) {
  flip(100);
  const std::vector<std::byte> before = file_->content;
  const auto outer = disk();
  outer->make_read_only();
  EXPECT_TRUE(open(*outer));
  EXPECT_TRUE(file_->content == before);
}

TEST_F(HeaderTest, TheNewerCopyCounts) {
  Header header = chosen().header;
  header.sequence += 5;
  header.label = "newer";
  const auto bytes = make_copy(header, Copy::kSecond).value();
  std::ranges::copy(bytes, file_->content.begin() + static_cast<std::ptrdiff_t>(kNewHeader));
  EXPECT_EQ(chosen().header.label, "newer");
  EXPECT_TRUE(opens("key"));
  EXPECT_TRUE(chosen().both_whole);
}

TEST_F(HeaderTest, AFirstCopyOfZeroesIsMended) {
  std::fill_n(file_->content.begin(), kBinaryLength, std::byte{0});
  EXPECT_TRUE(opens("key"));
  EXPECT_TRUE(chosen().both_whole);
}

TEST_F(HeaderTest, DamageToBothIsNamed) {
  flip(5000);
  flip(kNewHeader + 5000);
  expect_error("neither copy of its LUKS header is whole; the first has: its checksum is another");
}

TEST_F(HeaderTest, OtherThingsAreNotTakenForIt) {
  std::vector<std::byte> before = file_->content;
  store_be(&file_->content[field::kVersion], std::uint16_t{1});
  expect_error("is LUKS1");
  store_be(&file_->content[field::kVersion], std::uint16_t{3});
  expect_error("is LUKS of version 3");
  file_->content = before;
  std::fill_n(file_->content.begin(), kBinaryLength, std::byte{0x55});
  expect_error("begins with something else");
  std::ranges::fill(file_->content, std::byte{0});
  expect_error("holds no LUKS header");
  file_->content.resize(512);
  expect_error("holds no LUKS header");
}

TEST_F(HeaderTest, WrongSizesAreNamed) {
  file_->content.resize(kDataAt + 1001 * 512);
  expect_error("wrong size");
  file_->content.resize(kDataAt);
  expect_error("wrong size: the encrypted disk begins at");
  file_->content.resize(kDataAt / 2);
  expect_error("wrong size");
}

TEST_F(HeaderTest, WhatIsRequiredAndUnknownIsRefused) {
  expect_refused(
      [](json& document) {
        document["config"]["requirements"]["mandatory"] = {"online-reencrypt-v2"};
      },
      "requires [\"online-reencrypt-v2\"]");
  expect_refused([](json& document) { document["segments"]["0"]["flags"] = {"in-reencryption"}; },
                 "segment 0: has flags [\"in-reencryption\"]");
  expect_refused([](json& document) { document["segments"]["1"] = document["segments"]["0"]; },
                 "has 2 segments");
  expect_refused([](json& document) { document["segments"]["0"]["encryption"] = "serpent-xts"; },
                 "is encrypted by serpent-xts; Orrery takes aes-xts-plain64");
  expect_refused([](json& document) { document["segments"]["0"]["integrity"] = json::object(); },
                 "dm-integrity");
  expect_refused([](json& document) { document["digests"]["0"]["hash"] = "whirlpool"; },
                 "hashes by \"whirlpool\"");
}

TEST_F(HeaderTest, DamagedJsonIsNamed) {
  Header header = chosen().header;
  for (const char* text : {"", "{", "[]", "{\"config\":"}) {
    header.json = text;
    put(header);
    expect_error("is not a JSON object");
  }
}

TEST_F(HeaderTest, DamagedFieldsAreNamed) {
  struct Case {
    const char* at;  // JSON pointer
    json value;
    const char* error;
  };
  const Case kCases[] = {
      {"/config/json_size", "4096", "config: \"json_size\" is 4096"},
      {"/config/keyslots_size", "4097", "\"keyslots_size\" is no multiple"},
      {"/config/keyslots_size", "409600000000", "wrong size"},
      {"/config/flags", 3, "\"flags\" is not a list"},
      {"/keyslots", 3, "\"keyslots\" is not an object"},
      {"/keyslots/0/area/offset", "0", "keyslot 0: its area"},
      {"/keyslots/0/area/offset", "18446744073709547520", "keyslot 0: its area"},
      {"/keyslots/0/area/size", "4096", "has no room for 256000"},
      {"/keyslots/0/area/size", "-1", "is not a number of 64 bits"},
      {"/keyslots/0/kdf/iterations", 0, "\"iterations\" is 0"},
      {"/keyslots/0/kdf/salt", "!", "\"salt\" is not base64"},
      {"/keyslots/0/af/stripes", 0, "\"stripes\" is 0"},
      {"/keyslots/0/priority", 3, "\"priority\" is 3"},
      {"/segments/0/offset", "100", "wrong size: the encrypted disk begins at 100"},
      {"/segments/0/sector_size", 1000, "\"sector_size\" is not 512"},
      {"/segments/0/size", "513", "wrong size"},
      {"/segments/0/iv_tweak", 0, "\"iv_tweak\" is not a text"},
      {"/digests/0/digest", "", "no size of a digest"},
      {"/digests/0/segments", json::array(), "segment 0 has no digest"},
      {"/digests/0/keyslots", json{"99"}, "is no number from 0 to 31"},
  };
  for (const Case& each : kCases) {
    expect_refused([&](json& document) { document[json::json_pointer(each.at)] = each.value; },
                   each.error);
  }
}

TEST_F(HeaderTest, ASlotThatIsUnknownIsNotUsed) {
  rewrite([](json& document) { document["keyslots"]["0"]["area"]["encryption"] = "aes-cbc"; });
  expect_error("key slot 0 is encrypted by aes-cbc with 512 bits");
  rewrite([](json& document) { document["keyslots"]["0"]["type"] = "reencrypt"; });
  expect_error("key slot 0 is of type \"reencrypt\"");
}

TEST_F(HeaderTest, TwoSlotsDoNotShareAPlace) {
  ASSERT_TRUE(add("key", "second"));
  expect_refused(
      [](json& document) { document["keyslots"]["1"]["area"] = document["keyslots"]["0"]["area"]; },
      "or over another");
}

// Whatever a bit of it is flipped to: it opens, or an error tells.
TEST_F(HeaderTest, AnyFlippedByteIsSurvived) {
  std::mt19937 random(11);
  const std::vector<std::byte> before = file_->content;
  for (unsigned round = 0; round < 60; ++round) {
    const std::uint64_t at = random() % (2 * kNewHeader);
    file_->content[at] ^= static_cast<std::byte>(1 + random() % 255);
    const auto opened = opens("key");
    // One copy is always whole, but where the magic of the first is gone.
    EXPECT_TRUE(opened || at < kMagicLength || at == field::kVersion || at == field::kVersion + 1)
        << "byte " << at << ": " << opened.error().message();
    file_->content = before;
  }
}

}  // namespace
}  // namespace orrery::storage::luks
