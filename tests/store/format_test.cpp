// The formats, byte by byte: docs/formats/store.md has the examples that are decoded here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/manifest.hpp"
#include "store/pack/pack_table.hpp"
#include "support/format_page.hpp"

namespace orrery::store {
namespace {

// A block of 4 KiB of the letter a, and one of b.
PackTable example_table() {
  PackTable table;
  table.starts = {0};
  for (const char letter : {'a', 'b'}) {
    const std::vector<std::byte> block(4096, static_cast<std::byte>(letter));
    table.digests.push_back(Hasher().digest(block));
    table.starts.push_back(table.length() + block.size());
  }
  Group group;
  group.stored = 30;
  group.length = 8192;
  group.segments = 2;
  group.method = Method::kZstd;
  group.check = 0x1122334455667788;
  table.groups = {group};
  return table;
}

Manifest example_manifest() {
  PackTable table = example_table();
  (void)encode_table(table);
  Manifest manifest;
  manifest.size = 1_MiB;
  manifest.created = 1'764'000'000'000'000'000;
  manifest.data = 8192;
  manifest.tags = {"base"};
  manifest.packs = {table.id};
  manifest.append({.pack = 0, .first = 0, .count = 1});
  manifest.append({.pack = 0, .first = 1, .count = 1});
  manifest.append({.count = 1_MiB - 8192});
  manifest.content =
      digest_content(manifest.runs, [&](std::uint32_t) -> const PackTable& { return table; });
  return manifest;
}

TEST(Format, AManifestIsAsThePageSays) {
  const Manifest manifest = example_manifest();
  const auto bytes = encode_manifest(manifest);
  EXPECT_TRUE(bytes == format_example("store.md", "Example of an image")) << format_dump(bytes);
  const auto parsed = parse_manifest(bytes);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->runs, manifest.runs);
  EXPECT_EQ(parsed->tags, manifest.tags);
  EXPECT_EQ(parsed->packs, manifest.packs);
  EXPECT_EQ(parsed->content, manifest.content);
}

TEST(Format, ATableIsAsThePageSays) {
  PackTable table = example_table();
  const auto bytes = encode_table(table);
  EXPECT_TRUE(bytes == format_example("store.md", "Example of a table and its footer"))
      << format_dump(bytes);
  const ByteSpan all(bytes);
  const auto footer = parse_footer(all.last(kPackFooter), kPackHeader + 30 + bytes.size());
  ASSERT_TRUE(footer) << footer.error().message();
  const auto parsed = parse_table(all.first(all.size() - kPackFooter), *footer);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->id, table.id);
  EXPECT_EQ(parsed->digests, table.digests);
  EXPECT_EQ(parsed->starts, table.starts);
}

TEST(Format, RunsThatGoOnBecomeOne) {
  const Manifest manifest = example_manifest();
  EXPECT_EQ(manifest.runs.size(), 2u);
  EXPECT_EQ(manifest.runs[0], (store::Run{.pack = 0, .first = 0, .count = 2}));
}

TEST(Format, ANewerVersionIsNamed) {
  auto bytes = encode_manifest(example_manifest());
  bytes[8] = std::byte{2};
  const auto parsed = parse_manifest(bytes);
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message(), ::testing::HasSubstr("version 2"));
}

}  // namespace
}  // namespace orrery::store
