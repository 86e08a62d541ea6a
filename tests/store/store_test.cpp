#include "store/store.hpp"

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/collect.hpp"
#include "store/disks.hpp"
#include "store/memory_files.hpp"
#include "store/scrub.hpp"

namespace orrery::store {
namespace {

using testing::add_disk;
using ::testing::HasSubstr;
using testing::make_disk;
using testing::MemoryFiles;
using testing::MemoryFolder;
using testing::read_disk;

struct StoreTest : ::testing::Test {
  std::mt19937_64 random{1};
  std::shared_ptr<MemoryFolder> folder = std::make_shared<MemoryFolder>();
  std::unique_ptr<Store> store = open();

  std::unique_ptr<Store> open() {
    return Store::create(std::make_unique<MemoryFiles>(folder)).value();
  }
  std::size_t packs() { return store->files().list(kPacks)->size(); }
  std::shared_ptr<testing::MemoryNode> node_in(const std::string& of, std::size_t number) {
    const auto names = store->files().list(of).value();
    return folder->names.at(of + "/" + names.at(number));
  }
};

TEST_F(StoreTest, ReadsBackWhatWasAdded) {
  const auto disk = make_disk(random, 3000, 500);
  const auto report = add_disk(*store, "one", disk, random);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->size, disk.size());
  EXPECT_TRUE(read_disk(*store, "one").value() == disk);
}

TEST_F(StoreTest, ReadsAnyStretch) {
  const auto disk = make_disk(random, 1000, 200);
  ASSERT_TRUE(add_disk(*store, "one", disk, random));
  const auto image = Image::open(*store, "one", {.cache_bytes = 1_MiB}).value();
  for (int i = 0; i < 300; ++i) {
    const std::size_t offset = random() % disk.size();
    const std::size_t length = std::min<std::size_t>(disk.size() - offset, 1 + random() % 300'000);
    std::vector<std::byte> read(length);
    const Result<> done = image->read(offset, read);
    ASSERT_TRUE(done) << done.error().message();
    ASSERT_EQ(std::memcmp(read.data(), disk.data() + offset, length), 0)
        << length << " bytes at " << offset;
  }
}

TEST_F(StoreTest, StoresTheSameOnce) {
  const auto disk = make_disk(random, 2000, 100'000);
  ASSERT_TRUE(add_disk(*store, "one", disk, random));
  const auto again = add_disk(*store, "two", disk, random);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->new_segments, 0u);
  EXPECT_EQ(packs(), 1u);
  EXPECT_EQ(store->read_manifest("one")->content, store->read_manifest("two")->content);
}

TEST_F(StoreTest, ZeroesTakeNoSpace) {
  const auto report = add_disk(*store, "empty", std::vector<std::byte>(64_MiB), random);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->stored, 0u);
  EXPECT_EQ(packs(), 0u);
  EXPECT_LT(node_in(kImages, 0)->content.size(), 256u);
}

TEST_F(StoreTest, MakesTheSamePackOfTheSameDisk) {
  const auto disk = make_disk(random, 2000, 500);
  ASSERT_TRUE(add_disk(*store, "one", disk, random));
  const auto names = store->files().list(kPacks).value();
  folder = std::make_shared<MemoryFolder>();
  store = open();
  ASSERT_TRUE(add_disk(*store, "one", disk, random));
  EXPECT_EQ(names, store->files().list(kPacks).value());
}

TEST_F(StoreTest, TagsAreKeptAndTakenAway) {
  ASSERT_TRUE(add_disk(*store, "one", make_disk(random, 10, 5), random));
  ASSERT_TRUE(store->tag("one", {"base", "2026"}, {}));
  ASSERT_TRUE(store->tag("one", {"new"}, {"2026"}));
  EXPECT_EQ(store->read_manifest("one")->tags, (std::vector<std::string>{"base", "new"}));
  const Result<> missing = store->tag("one", {}, {"2026"});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("has no tag \"2026\""));
}

TEST_F(StoreTest, RefusesNamesThatAreNoNames) {
  const auto writer = Writer::create(*store, {}).value();
  for (const std::string name : {"", "../x", ".hidden", "a/b", "-x", "a b"}) {
    EXPECT_FALSE(writer->publish(name, {}, 0, Writer::Existing::kRefuse)) << name;
  }
}

TEST_F(StoreTest, DoesNotReplaceUnasked) {
  ASSERT_TRUE(add_disk(*store, "one", make_disk(random, 10, 5), random));
  const auto writer = Writer::create(*store, {}).value();
  const auto refused = writer->publish("one", {}, 0, Writer::Existing::kRefuse);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("--replace"));
}

TEST_F(StoreTest, AWriterThatGivesUpLeavesNothing) {
  {
    const auto writer = Writer::create(*store, {.threads = 2}).value();
    ASSERT_TRUE(testing::add_bytes(*writer, make_disk(random, 3000, 1u << 30), random));
  }
  EXPECT_EQ(packs(), 0u);
  EXPECT_TRUE(store->files().list(kIncoming)->empty());
}

TEST_F(StoreTest, CollectionFreesWhatNoImageNames) {
  const auto one = make_disk(random, 2000, 1u << 30);
  const auto two = make_disk(random, 2000, 1u << 30);
  ASSERT_TRUE(add_disk(*store, "one", one, random));
  ASSERT_TRUE(add_disk(*store, "two", two, random));
  ASSERT_TRUE(store->remove("one"));
  const auto report = collect(*store, {}, {});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->packs_removed, 1u);
  EXPECT_EQ(packs(), 1u);
  EXPECT_TRUE(read_disk(*store, "two").value() == two);
}

TEST_F(StoreTest, CollectionRewritesPacksThatAreMostlyGarbage) {
  auto one = make_disk(random, 4000, 100'000);
  ASSERT_TRUE(add_disk(*store, "one", one, random));
  one.resize(one.size() / 4);
  ASSERT_TRUE(add_disk(*store, "quarter", one, random));
  ASSERT_TRUE(store->remove("one"));
  const auto report = collect(*store, {}, {});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->packs_made, 1u);
  EXPECT_GT(report->bytes_freed, 1_MiB);
  EXPECT_TRUE(read_disk(*store, "quarter").value() == one);
  EXPECT_TRUE(scrub(*store, {})->damage.empty());
}

TEST_F(StoreTest, CollectionPutsSmallPacksTogether) {
  std::vector<std::vector<std::byte>> disks;
  for (int i = 0; i < 5; ++i) {
    disks.push_back(make_disk(random, 50, 100'000));
    ASSERT_TRUE(add_disk(*store, format("disk{}", i), disks.back(), random));
  }
  EXPECT_EQ(packs(), 5u);
  ASSERT_TRUE(collect(*store, {}, {}));
  EXPECT_EQ(packs(), 1u);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(read_disk(*store, format("disk{}", i)).value() == disks[i]);
  }
}

TEST_F(StoreTest, AnOpenImageStaysReadableWhenItIsCollected) {
  const auto disk = make_disk(random, 500, 100'000);
  ASSERT_TRUE(add_disk(*store, "one", disk, random));
  const auto image = Image::open(*store, "one", {}).value();
  ASSERT_TRUE(store->remove("one"));
  ASSERT_TRUE(collect(*store, {}, {}));
  EXPECT_EQ(packs(), 0u);
  std::vector<std::byte> read(disk.size());
  ASSERT_TRUE(image->read(0, read));
  EXPECT_TRUE(read == disk);
}

TEST_F(StoreTest, CollectionLeavesWhatAWriterRefersTo) {
  const auto disk = make_disk(random, 500, 100'000);
  ASSERT_TRUE(add_disk(*store, "one", disk, random));
  const auto other = open();
  const auto writer = Writer::create(*other, {.threads = 2}).value();
  ASSERT_TRUE(testing::add_bytes(*writer, disk, random));
  // All but what is still being hashed refers to the pack by now.
  ASSERT_TRUE(store->remove("one"));
  const auto report = collect(*store, {}, {});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->packs_busy, 1u);
  ASSERT_TRUE(writer->publish("two", {}, 0, Writer::Existing::kRefuse));
  EXPECT_TRUE(read_disk(*store, "two").value() == disk);
}

TEST_F(StoreTest, AWriterStoresAgainWhatWasCollectedMeanwhile) {
  const auto disk = make_disk(random, 500, 100'000);
  ASSERT_TRUE(add_disk(*store, "one", disk, random));
  const auto writer = Writer::create(*store, {.threads = 2}).value();
  ASSERT_TRUE(store->remove("one"));
  ASSERT_TRUE(collect(*store, {}, {}));
  ASSERT_TRUE(testing::add_bytes(*writer, disk, random));
  ASSERT_TRUE(writer->publish("two", {}, 0, Writer::Existing::kRefuse));
  EXPECT_TRUE(read_disk(*store, "two").value() == disk);
}

TEST_F(StoreTest, TwoWritersOfTheSameLeaveOneWholeImageEach) {
  const auto disk = make_disk(random, 1000, 100'000);
  const auto one = Writer::create(*store, {.threads = 2}).value();
  const auto two = Writer::create(*store, {.threads = 2}).value();
  ASSERT_TRUE(testing::add_bytes(*one, disk, random));
  ASSERT_TRUE(testing::add_bytes(*two, disk, random));
  ASSERT_TRUE(one->publish("one", {}, 0, Writer::Existing::kRefuse));
  ASSERT_TRUE(two->publish("two", {}, 0, Writer::Existing::kRefuse));
  EXPECT_TRUE(read_disk(*store, "one").value() == disk);
  EXPECT_TRUE(read_disk(*store, "two").value() == disk);
}

TEST_F(StoreTest, OneCollectionAtATime) {
  const auto lock = store->files().lock(kCollectionLock, Files::Lock::kExclusive, Files::Wait::kNo);
  EXPECT_FALSE(collect(*store, {}, {}));
}

// Every bit of a pack and of an image matters.
TEST_F(StoreTest, ScrubFindsEveryFlippedBitOfAPack) {
  ASSERT_TRUE(add_disk(*store, "one", make_disk(random, 60, 1000), random));
  ASSERT_TRUE(scrub(*store, {})->damage.empty());
  auto& content = node_in(kPacks, 0)->content;
  for (std::size_t at = 0; at < content.size(); at += 1 + random() % 97) {
    const auto bit = static_cast<std::byte>(1u << random() % 8);
    content[at] ^= bit;
    const auto report = scrub(*store, {});
    ASSERT_TRUE(report) << report.error().message();
    ASSERT_FALSE(report->damage.empty()) << "byte " << at << " of " << content.size();
    EXPECT_THAT(report->damage[0], HasSubstr(store->files().list(kPacks)->at(0)));
    content[at] ^= bit;
  }
}

TEST_F(StoreTest, ScrubFindsEveryFlippedBitOfAnImage) {
  ASSERT_TRUE(add_disk(*store, "one", make_disk(random, 60, 1000), random));
  auto& content = node_in(kImages, 0)->content;
  for (std::size_t at = 0; at < content.size(); ++at) {
    const auto bit = static_cast<std::byte>(1u << random() % 8);
    content[at] ^= bit;
    const auto report = scrub(*store, {});
    ASSERT_TRUE(report) << report.error().message();
    ASSERT_EQ(report->damaged_images, std::vector<std::string>{"one"}) << "byte " << at;
    content[at] ^= bit;
  }
}

TEST_F(StoreTest, ReadingNamesTheDamage) {
  const auto disk = make_disk(random, 2000, 1u << 30);
  ASSERT_TRUE(add_disk(*store, "one", disk, random));
  auto& content = node_in(kPacks, 0)->content;
  content[content.size() / 2] ^= std::byte{1};
  const auto read = read_disk(*store, "one");
  ASSERT_FALSE(read);
  const std::string pack = store->files().list(kPacks)->at(0);
  for (const std::string& part :
       {std::string("image one, offset "), std::string("segment "), pack}) {
    EXPECT_THAT(read.error().message(), HasSubstr(part));
  }
  const auto report = verify(*store, "one", {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->damaged_images, std::vector<std::string>{"one"});
}

TEST_F(StoreTest, AMissingPackIsNamed) {
  ASSERT_TRUE(add_disk(*store, "one", make_disk(random, 100, 1000), random));
  const std::string name = store->files().list(kPacks)->at(0);
  ASSERT_TRUE(store->files().remove(kPacks + "/" + name));
  EXPECT_FALSE(Image::open(*store, "one", {}));
  const auto report = scrub(*store, {});
  ASSERT_TRUE(report);
  ASSERT_EQ(report->damage.size(), 1u);
  EXPECT_THAT(report->damage[0], HasSubstr(name));
}

TEST_F(StoreTest, DamageIsNotSpreadByACollection) {
  auto disk = make_disk(random, 1000, 1u << 30);
  ASSERT_TRUE(add_disk(*store, "one", disk, random));
  node_in(kPacks, 0)->content[5000] ^= std::byte{1};
  const std::string pack = store->files().list(kPacks)->at(0);
  disk.resize(disk.size() / 2);
  ASSERT_TRUE(add_disk(*store, "half", disk, random));
  ASSERT_TRUE(store->remove("one"));
  const auto collected = collect(*store, {}, {});
  ASSERT_FALSE(collected);
  EXPECT_THAT(collected.error().message(), HasSubstr(pack));
  EXPECT_TRUE(*store->files().open(kPacks + "/" + pack));
}

TEST_F(StoreTest, IsNotMadeAmongOthersFiles) {
  folder = std::make_shared<MemoryFolder>();
  MemoryFiles files(folder);
  ASSERT_TRUE(files.create("letter.txt"));
  const auto made = Store::create(std::make_unique<MemoryFiles>(folder));
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("letter.txt"));
}

// The same on the host's own files, with their locks.
TEST(StoreOnTheHost, KeepsImagesThroughACollection) {
  std::mt19937_64 random(7);
  const std::string path = ::testing::TempDir() + "orrery-store-test";
  std::filesystem::remove_all(path);
  const auto store = Store::create(host_files(path)).value();
  const auto one = make_disk(random, 2000, 100'000);
  const auto half = std::vector<std::byte>(one.begin(), one.begin() + 4_MiB);
  ASSERT_TRUE(add_disk(*store, "one", one, random));
  ASSERT_TRUE(add_disk(*store, "half", half, random));
  const auto reader = Image::open(*store, "one", {}).value();
  ASSERT_TRUE(store->remove("one"));
  const auto report = collect(*store, {}, {});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->packs_removed, 1u);
  EXPECT_TRUE(read_disk(*Store::open(host_files(path)).value(), "half").value() == half);
  std::vector<std::byte> read(one.size());
  ASSERT_TRUE(reader->read(0, read));
  EXPECT_TRUE(read == one);
  std::filesystem::remove_all(path);
}

// Adds, replaces and removes images of its own, and reads what it added.
void work_alone(const std::string& path, const std::string& name, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto store = Store::open(host_files(path)).value();
  for (int i = 0; i < 12; ++i) {
    const auto disk = make_disk(random, 1 + random() % 600, 2000);
    const auto added = add_disk(*store, name, disk, random);
    ASSERT_TRUE(added) << name << ": " << added.error().message();
    const auto read = read_disk(*store, name);
    ASSERT_TRUE(read) << name << ": " << read.error().message();
    ASSERT_TRUE(*read == disk) << name << ", round " << i;
    if (random() % 3 == 0) {
      ASSERT_TRUE(store->remove(name));
    }
  }
}

TEST(StoreOnTheHost, WritersReadersAndCollectionsAtOnce) {
  std::mt19937_64 random(8);
  const std::string path = ::testing::TempDir() + "orrery-store-crowd";
  std::filesystem::remove_all(path);
  const auto store = Store::create(host_files(path)).value();
  const auto base = make_disk(random, 1000, 2000);
  ASSERT_TRUE(add_disk(*store, "base", base, random));
  std::atomic<bool> over = false;
  std::thread collector([&] {
    const auto own = Store::open(host_files(path)).value();
    while (!over) {
      const auto done = collect(*own, {.percent = 5}, {});
      ASSERT_TRUE(done) << done.error().message();
    }
  });
  std::thread reader([&] {
    const auto own = Store::open(host_files(path)).value();
    while (!over) {
      const auto read = read_disk(*own, "base");
      ASSERT_TRUE(read) << read.error().message();
      ASSERT_TRUE(*read == base);
    }
  });
  std::vector<std::thread> writers;
  for (std::uint64_t i = 0; i < 3; ++i) {
    writers.emplace_back([&, i] { work_alone(path, format("image{}", i), i); });
  }
  for (std::thread& writer : writers) writer.join();
  over = true;
  collector.join();
  reader.join();
  const auto report = scrub(*store, {});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->damage.empty()) << report->damage[0];
  EXPECT_TRUE(store->files().list(kIncoming)->empty());
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace orrery::store
