// Snapshots in image stores (snapshot/stored.hpp).
#include "snapshot/stored.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/format.hpp"
#include "snapshot/disk_in_use.hpp"
#include "snapshot/sample.hpp"
#include "store/digest.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::snapshot {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSize = 1_MiB;

bool keep_on(std::uint64_t, std::uint64_t) {
  return true;
}

class BundleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store::load_hasher());
    bundle.manifest = sample_manifest();
    for (unsigned i = 0; i < 700; ++i) bundle.state.push_back(static_cast<std::byte>(i));
  }
  Bundle bundle;
};

TEST_F(BundleTest, IsReadAsItWasWritten) {
  const std::vector<std::byte> bytes = encode_bundle(bundle);
  EXPECT_EQ(bytes.size() % 512, 0u);
  const auto parsed = parse_bundle(bytes);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
  EXPECT_EQ(parsed->state, bundle.state);
  Manifest expected = bundle.manifest;
  expected.state = parsed->manifest.state;
  EXPECT_EQ(parsed->manifest, expected);
}

TEST_F(BundleTest, BeginsAsThePageShows) {
  std::ifstream file(ORRERY_SOURCE_DIR "/docs/formats/snapshot.md");
  std::ostringstream page;
  page << file.rdbuf();
  bundle.state = {std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
  const std::vector<std::byte> bytes = encode_bundle(bundle);
  std::string hex;
  for (std::size_t i = 0; i < 32; ++i) hex += format("{:02x}", static_cast<unsigned>(bytes[i]));
  EXPECT_NE(page.str().find(hex.substr(0, 32) + "\n    " + hex.substr(32)), std::string::npos)
      << hex;
}

TEST_F(BundleTest, AnyChangedByteIsFound) {
  const std::vector<std::byte> bytes = encode_bundle(bundle);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::vector<std::byte> changed = bytes;
    changed[i] ^= std::byte{1};
    const auto parsed = parse_bundle(changed);
    // What fills a sector up, and blanks between fields, say nothing.
    if (!parsed) continue;
    EXPECT_EQ(parsed->state, bundle.state) << i;
    EXPECT_EQ(parsed->manifest.disks, bundle.manifest.disks) << i;
  }
  for (std::size_t length = 0; length + 512 < bytes.size(); length += 64) {
    EXPECT_FALSE(parse_bundle(ByteSpan(bytes).first(length)).has_value()) << length;
  }
}

class StoredTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store::load_hasher());
    fs::create_directory(folder.path("vm"));
    disk = std::make_unique<DiskInUse>(folder.path("vm"), kSize);
    content = disk->take_two();
    auto created = store::Store::create(store::host_files(folder.path("store")));
    ASSERT_TRUE(created.has_value()) << created.error().message();
    images = std::move(*created);
  }
  Result<> push_one(const std::string& name) {
    ORRERY_TRY(const Manifest manifest, disk->library().read(name));
    PushOptions options;
    options.name = name;
    options.options = {{"memory", "512M"}};
    return push(disk->loop(), disk->library(), manifest, *images, options, keep_on);
  }
  std::string path(const std::string& name) const {
    return "store:" + folder.path("store") + "/" + name;
  }

  const testing::TemporaryFolder folder;
  std::unique_ptr<DiskInUse> disk;
  Content content = Content(kSize);
  std::unique_ptr<store::Store> images;
};

TEST_F(StoredTest, HasAllThatTheSnapshotHad) {
  const Result<> pushed = push_one("s1");
  ASSERT_TRUE(pushed.has_value()) << pushed.error().message();
  const auto bundle = read_stored(disk->loop(), path("s1"));
  ASSERT_TRUE(bundle.has_value()) << bundle.error().message();
  const auto original = disk->library().read("s1");
  ASSERT_TRUE(original.has_value());
  EXPECT_EQ(bundle->manifest.sums, original->sums);
  EXPECT_EQ(bundle->manifest.options, (std::vector<Option>{{"memory", "512M"}}));
  EXPECT_EQ(bundle->state, *disk->library().read_state(*original));
  ASSERT_EQ(bundle->manifest.disks.size(), 1u);
  const auto found = find_stored_disk(disk->loop(), bundle->manifest.disks[0]);
  ASSERT_TRUE(found.has_value()) << found.error().message();
  EXPECT_EQ(*disk->read_file(found->path), content);
  EXPECT_EQ(disk->read_file(memory_of_stored(path("s1"))).has_value(), false)
      << "the memory has a page only, so it is shorter than the disk";
}

TEST_F(StoredTest, WhatIsNoSnapshotIsToldApart) {
  ASSERT_TRUE(push_one("s1").has_value());
  EXPECT_NE(read_stored(disk->loop(), path("s1:disk0")).error().message().find("no snapshot"),
            std::string::npos);
  EXPECT_FALSE(read_stored(disk->loop(), path("s0")).has_value());
  EXPECT_NE(push_one("s1").error().message().find("s1"), std::string::npos);
}

TEST_F(StoredTest, ADiskThatWasReplacedIsFound) {
  ASSERT_TRUE(push_one("s0").has_value());
  ASSERT_TRUE(push_one("s1").has_value());
  const auto bundle = read_stored(disk->loop(), path("s1"));
  ASSERT_TRUE(bundle.has_value());
  fs::copy_file(folder.path("store/images/s0:disk0"), folder.path("store/images/s1:disk0"),
                fs::copy_options::overwrite_existing);
  const auto found = find_stored_disk(disk->loop(), bundle->manifest.disks[0]);
  ASSERT_FALSE(found.has_value());
  EXPECT_NE(found.error().message().find("is not the disk"), std::string::npos);
}

// Pushing is killed after the parts: there is no snapshot, and the next push is one.
TEST_F(StoredTest, PartsOfOneThatWasCutOffAreReplaced) {
  ASSERT_TRUE(push_one("s1").has_value());
  ASSERT_TRUE(images->remove("s1").has_value());
  const Result<> pushed = push_one("s1");
  ASSERT_TRUE(pushed.has_value()) << pushed.error().message();
}

}  // namespace
}  // namespace orrery::snapshot
