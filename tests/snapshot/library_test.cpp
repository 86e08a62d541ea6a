// The folder of snapshots (snapshot/library.hpp): a snapshot is there whole or not at all.
#include "snapshot/library.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "snapshot/sample.hpp"

namespace orrery::snapshot {
namespace {

namespace fs = std::filesystem;

class LibraryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-library-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder = name;
    library = Library(folder + "/library");
  }
  ~LibraryTest() override { fs::remove_all(folder); }

  NewSnapshot begin(const std::string& name) {
    auto made = NewSnapshot::begin(library, name);
    EXPECT_TRUE(made.has_value()) << made.error().message();
    return std::move(*made);
  }
  // With 8 MiB of memory and a state of three bytes.
  void make(const std::string& name) {
    NewSnapshot made = begin(name);
    ASSERT_EQ(::ftruncate(made.memory(), 8_MiB), 0);
    ASSERT_EQ(::pwrite(made.memory(), "text", 4, 5_MiB), 4);
    ASSERT_EQ(::pwrite(made.state(), "abc", 3, 0), 3);
    Manifest manifest = sample_manifest();
    manifest.regions = {{GuestPhysical(0), Bytes(8_MiB)}};
    manifest.state = manifest.sums = {};
    const auto committed = made.commit(manifest);
    ASSERT_TRUE(committed.has_value()) << committed.error().message();
  }
  void change(const std::string& path, std::uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put('!');
  }
  std::size_t entries() const {
    const fs::directory_iterator all(library.folder());
    return static_cast<std::size_t>(std::distance(fs::begin(all), fs::end(all)));
  }
  static std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    return text;
  }

  std::string folder;
  Library library{"/nowhere"};
};

TEST_F(LibraryTest, WhatWasMadeIsReadBack) {
  EXPECT_TRUE(library.names()->empty()) << "of a library that is not there yet";
  make("two");
  make("one");
  EXPECT_EQ(*library.names(), (std::vector<std::string>{"one", "two"}));
  const auto manifest = library.read("one");
  ASSERT_TRUE(manifest.has_value()) << manifest.error().message();
  EXPECT_EQ(manifest->name, "one");
  EXPECT_EQ(manifest->options, sample_manifest().options);
  const auto state = library.read_state(*manifest);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->size(), 3U);
  EXPECT_TRUE(library.open_memory(*manifest).has_value());
  const Result<> whole = library.verify("one");
  EXPECT_TRUE(whole.has_value()) << whole.error().message();
}

TEST_F(LibraryTest, OnlyItsOwnerReadsIt) {
  make("one");
  for (const char* file : {"memory", "state"}) {
    EXPECT_EQ(fs::status(library.path_of("one", file)).permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
  }
  EXPECT_EQ(fs::status(library.path_of("one", "")).permissions(), fs::perms::owner_all);
}

TEST_F(LibraryTest, WhatIsNotCommittedIsGone) {
  { const NewSnapshot made = begin("one"); }
  EXPECT_TRUE(library.names()->empty());
  EXPECT_EQ(entries(), 2U) << "but the folders of disks and of what lies over them";
}

TEST_F(LibraryTest, WhatADeadMakerLeftIsRemovedAndOthersStay) {
  fs::create_directories(library.folder() + "/.new-dead-abcdef");
  const NewSnapshot living = begin("living");
  make("one");
  EXPECT_FALSE(fs::exists(library.folder() + "/.new-dead-abcdef"));
  EXPECT_TRUE(fs::exists(living.scratch("memory")));
}

TEST_F(LibraryTest, NamesAreTakenOnce) {
  make("one");
  EXPECT_NE(NewSnapshot::begin(library, "one").error().message().find("already"),
            std::string::npos);
  NewSnapshot late = begin("two");
  make("two");
  ASSERT_EQ(::ftruncate(late.memory(), 8_MiB), 0);
  Manifest manifest = sample_manifest();
  manifest.regions = {{GuestPhysical(0), Bytes(8_MiB)}};
  EXPECT_FALSE(late.commit(manifest).has_value());
  EXPECT_TRUE(library.verify("two").has_value()) << "the one that was first";
  for (const char* name : {"", "disks", ".x", "a/b", "..", "x y"}) {
    EXPECT_FALSE(NewSnapshot::begin(library, name).has_value()) << name;
  }
}

TEST_F(LibraryTest, DamageIsFoundAndNamed) {
  for (const char* file : {"state", "sums", "memory", "manifest.json"}) {
    make("one");
    change(library.path_of("one", file), file == std::string("memory") ? 5_MiB : 1);
    const Result<> whole = library.verify("one");
    ASSERT_FALSE(whole.has_value()) << file;
    EXPECT_NE(whole.error().message().find(library.path_of("one", file)), std::string::npos)
        << whole.error().message();
    fs::remove_all(library.path_of("one", ""));
  }
  make("one");
  fs::resize_file(library.path_of("one", "memory"), 4_MiB);
  EXPECT_FALSE(library.read("one").has_value());
}

TEST_F(LibraryTest, ADiskChangesPlacesWithItsOverlay) {
  const NewSnapshot made = begin("one");
  const std::string disk = folder + "/work.qcow2";
  std::ofstream(disk) << "old";
  std::ofstream(made.scratch("disk0")) << "new";
  const std::string file = made.new_disk();
  const auto inode = fs::hard_link_count(disk);
  ASSERT_TRUE(made.change_disk(disk, file, made.scratch("disk0")));
  EXPECT_EQ(text_of(disk), "new");
  EXPECT_EQ(text_of(library.disk_path(file)), "old");
  EXPECT_EQ(fs::hard_link_count(library.disk_path(file)), inode);
  EXPECT_FALSE(made.change_disk(folder + "/none", made.new_disk(), made.scratch("disk0")));
}

TEST_F(LibraryTest, PlacesByNameAndByFolder) {
  EXPECT_EQ(find("one", folder).name, "one");
  EXPECT_EQ(find("one", folder).library.folder(), folder);
  EXPECT_EQ(find(folder + "/one/", "").name, "one");
  EXPECT_EQ(find(folder + "/one", "").library.folder(), folder);
}

}  // namespace
}  // namespace orrery::snapshot
