// Snapshots that are taken to another library, by themselves (snapshot/transfer.hpp).
#include "snapshot/transfer.hpp"

#include <filesystem>
#include <fstream>

#include "snapshot/disk_in_use.hpp"
#include "store/digest.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::snapshot {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSize = 1_MiB;

class TransferTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store::load_hasher());
    fs::create_directory(folder.path("vm"));
    disk = std::make_unique<DiskInUse>(folder.path("vm"), kSize);
    content = disk->take_two();
  }

  Result<Manifest> take_along(const Library& from, const std::string& name, const Library& to) {
    ORRERY_TRY(const Manifest manifest, from.read(name));
    TransferOptions options;
    options.name = name;
    options.options = {{"memory", "512M"}};
    return transfer(disk->loop(), from, manifest, to, options,
                    [](std::uint64_t, std::uint64_t) { return true; });
  }
  std::string told(const Result<Manifest>& made) { return made ? "" : made.error().message(); }

  // Of the one disk of a snapshot in another library.
  Result<Content> read(const Library& library, const std::string& name) {
    ORRERY_TRY(const Manifest manifest, library.read(name));
    return disk->read_file(library.disk_path(manifest.disks.at(0).file));
  }
  static void change_byte(const std::string& path, std::uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put('!');
  }
  static std::size_t entries(const std::string& path) {
    const fs::directory_iterator all(path);
    return static_cast<std::size_t>(std::distance(fs::begin(all), fs::end(all)));
  }

  const testing::TemporaryFolder folder;
  std::unique_ptr<DiskInUse> disk;
  Content content = Content(kSize);
  const Library out{folder.path("out")};
};

TEST_F(TransferTest, NeedsNothingElse) {
  const auto made = take_along(disk->library(), "s1", out);
  ASSERT_TRUE(made.has_value()) << told(made);
  // Wherever it is moved to, and whatever becomes of what it was made from.
  disk.reset();
  fs::remove_all(folder.path("vm"));
  fs::rename(folder.path("out"), folder.path("moved"));
  fs::create_directory(folder.path("vm"));
  disk = std::make_unique<DiskInUse>(folder.path("vm"), kSize);
  const Library moved(folder.path("moved"));
  ASSERT_TRUE(moved.verify("s1").has_value());
  const auto found = read(moved, "s1");
  ASSERT_TRUE(found.has_value()) << found.error().message();
  EXPECT_EQ(*found, content);
  const auto manifest = moved.read("s1");
  ASSERT_TRUE(manifest.has_value());
  EXPECT_EQ(manifest->disks[0].path, "");
  EXPECT_TRUE(manifest->disks[0].kept);
  EXPECT_EQ(manifest->options, (std::vector<Option>{{"memory", "512M"}}));
}

TEST_F(TransferTest, ComesBackAsItWas) {
  ASSERT_TRUE(take_along(disk->library(), "s1", out).has_value());
  const Library back(folder.path("back"));
  const auto made = take_along(out, "s1", back);
  ASSERT_TRUE(made.has_value()) << told(made);
  const auto original = disk->library().read("s1");
  ASSERT_TRUE(original.has_value());
  EXPECT_EQ(made->created, original->created);
  EXPECT_EQ(made->parent, original->parent);
  EXPECT_EQ(made->sums, original->sums);
  EXPECT_EQ(*read(back, "s1"), content);
}

TEST_F(TransferTest, DamageIsFoundAndNothingIsMade) {
  ASSERT_TRUE(take_along(disk->library(), "s1", out).has_value());
  const Library back(folder.path("back"));
  const auto manifest = out.read("s1");
  const std::string file = out.disk_path(manifest->disks[0].file);
  for (const std::string& path : {out.path_of("s1", "memory"), out.path_of("s1", "state"), file}) {
    SCOPED_TRACE(path);
    const std::string whole = folder.path("whole");
    fs::copy_file(path, whole, fs::copy_options::overwrite_existing);
    // Of the disk a byte of the first cluster with data, which nothing else tells of.
    std::uint64_t offset = 0;
    if (path == file) {
      const auto map = storage::map_disk(disk->loop(), file, storage::Format::kQcow2);
      ASSERT_TRUE(map.has_value());
      offset = map->at(0).extent.host_offset.value();
    }
    change_byte(path, offset);
    const auto made = take_along(out, "s1", back);
    ASSERT_FALSE(made.has_value());
    EXPECT_NE(told(made).find(path == file ? "changed" : "damaged"), std::string::npos)
        << told(made);
    EXPECT_FALSE(back.read("s1").has_value());
    EXPECT_EQ(entries(back.disk_path("")), 0u);
    fs::copy_file(whole, path, fs::copy_options::overwrite_existing);
  }
  EXPECT_TRUE(take_along(out, "s1", back).has_value());
}

TEST_F(TransferTest, ANameThatIsThereIsRefused) {
  ASSERT_TRUE(take_along(disk->library(), "s1", out).has_value());
  EXPECT_NE(told(take_along(disk->library(), "s1", out)).find("already"), std::string::npos);
  EXPECT_TRUE(take_along(disk->library(), "s0", out).has_value());
}

}  // namespace
}  // namespace orrery::snapshot
