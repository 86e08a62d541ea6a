// Manifests of snapshots (docs/formats/snapshot.md).
#include "snapshot/manifest.hpp"

#include <fstream>
#include <functional>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "snapshot/sample.hpp"

namespace orrery::snapshot {
namespace {

using Json = nlohmann::json;

class ManifestTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(store::load_hasher()); }

  // The fields of the sample with a change, as somebody would write them who knows the digest.
  static std::string told(const std::function<void(Json&)>& change) {
    Json fields = to_json(sample_manifest());
    change(fields);
    const auto manifest = from_json(fields);
    return manifest ? "taken" : manifest.error().message();
  }
};

TEST_F(ManifestTest, IsWrittenAsThePageShows) {
  std::ifstream file(ORRERY_SOURCE_DIR "/docs/formats/snapshot.md");
  std::ostringstream content;
  content << file.rdbuf();
  const std::string page = content.str();
  const std::size_t begin = page.find("```json\n") + 8;
  const std::string example = page.substr(begin, page.find("```", begin) - begin);
  EXPECT_EQ(encode_manifest(sample_manifest()), example);
  const auto parsed = parse_manifest(example);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
  EXPECT_EQ(*parsed, sample_manifest());
}

TEST_F(ManifestTest, AnyChangedByteIsFound) {
  const std::string text = encode_manifest(sample_manifest());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto parsed = parse_manifest(changed);
    // Blanks between fields are the only bytes that may change.
    EXPECT_TRUE(!parsed || *parsed == sample_manifest()) << i;
  }
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    EXPECT_FALSE(parse_manifest(text.substr(0, i)).has_value()) << i;
  }
}

TEST_F(ManifestTest, OtherVersionsAndFormatsAreRefusedByName) {
  Json fields = Json::parse(encode_manifest(sample_manifest()));
  fields["version"] = 2;
  EXPECT_NE(parse_manifest(fields.dump()).error().message().find("version 2"), std::string::npos);
  fields["format"] = "something";
  EXPECT_NE(parse_manifest(fields.dump()).error().message().find("no manifest"), std::string::npos);
}

TEST_F(ManifestTest, FieldsThatMakeNoSense) {
  EXPECT_EQ(told([](Json&) {}), "taken");
  EXPECT_NE(told([](Json& f) { f.erase("parent"); }), "taken");
  EXPECT_NE(told([](Json& f) { f["created"] = "today"; }), "taken");
  EXPECT_NE(told([](Json& f) { f["options"] = 7; }), "taken");
  EXPECT_NE(told([](Json& f) { f["options"][0] = Json::array({"memory"}); }), "taken");
  EXPECT_NE(told([](Json& f) { f["regions"][0]["bytes"] = 0; }), "taken");
  EXPECT_NE(told([](Json& f) { f["regions"][0]["bytes"] = UINT64_MAX - 4095; }), "taken");
  EXPECT_NE(told([](Json& f) { f["regions"][0]["start"] = 1; }), "taken");
  EXPECT_NE(told([](Json& f) { f["regions"].push_back(f["regions"][0]); }), "taken");
  EXPECT_NE(told([](Json& f) { f["state"]["sha256"] = "00"; }), "taken");
  EXPECT_NE(told([](Json& f) { f["state"]["sha256"] = std::string(64, 'x'); }), "taken");
}

TEST_F(ManifestTest, NoManifestLeadsOutOfTheLibrary) {
  for (const char* file : {"", "../x", "/etc/shadow", "a/b", ".hidden"}) {
    Manifest manifest = sample_manifest();
    manifest.disks[0].file = file;
    EXPECT_FALSE(parse_manifest(encode_manifest(manifest)).has_value()) << file;
  }
}

}  // namespace
}  // namespace orrery::snapshot
