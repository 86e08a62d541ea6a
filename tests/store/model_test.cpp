// Random work on a store, against images kept in memory.
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "store/collect.hpp"
#include "store/disks.hpp"
#include "store/memory_files.hpp"
#include "store/scrub.hpp"

namespace orrery::store {
namespace {

class ModelTest : public ::testing::TestWithParam<std::uint64_t> {};

struct Model {
  explicit Model(std::uint64_t seed) : random(seed) {}

  std::mt19937_64 random;
  std::unique_ptr<Store> store = Store::create(std::make_unique<testing::MemoryFiles>(
                                                   std::make_shared<testing::MemoryFolder>()))
                                     .value();
  std::map<std::string, testing::DiskBytes> images;

  std::string any_name() { return format("image{}", random() % 6); }

  // A new disk, or one that is there with some blocks of another.
  testing::DiskBytes next_disk() {
    auto disk = testing::make_disk(random, 1 + random() % 800, 3000);
    if (images.empty() || random() % 3 == 0) return disk;
    auto changed = std::next(images.begin(), static_cast<long>(random() % images.size()))->second;
    const std::size_t part = std::min(disk.size(), changed.size()) / 4;
    const std::size_t to = random() % (changed.size() - part + 1) / kBlock * kBlock;
    std::copy_n(disk.begin(), part, changed.begin() + static_cast<std::ptrdiff_t>(to));
    return changed;
  }

  void add() {
    const std::string name = any_name();
    const auto disk = next_disk();
    const auto added = testing::add_disk(*store, name, disk, random);
    ASSERT_TRUE(added) << added.error().message();
    images[name] = disk;
  }
  void remove() {
    const std::string name = any_name();
    EXPECT_EQ(store->remove(name).has_value(), images.erase(name) != 0) << name;
  }
  void collect_some() {
    const auto done = collect(*store, {.percent = static_cast<unsigned>(random() % 100)}, {});
    ASSERT_TRUE(done) << done.error().message();
  }
  void check() {
    for (const auto& [name, disk] : images) {
      const auto read = testing::read_disk(*store, name);
      ASSERT_TRUE(read) << name << ": " << read.error().message();
      ASSERT_TRUE(*read == disk) << name;
    }
    EXPECT_EQ(store->images()->size(), images.size());
  }
};

TEST_P(ModelTest, ReadsAsTheImagesInMemoryDo) {
  Model model(GetParam());
  for (int step = 0; step < 60 && !HasFatalFailure(); ++step) {
    SCOPED_TRACE(format("seed {}, step {}", GetParam(), step));
    switch (model.random() % 5) {
      case 0:
      case 1: model.add(); break;
      case 2: model.remove(); break;
      case 3: model.collect_some(); break;
      default: model.check(); break;
    }
  }
  model.check();
  const auto report = scrub(*model.store, {});
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->damage.empty()) << report->damage[0];
  for (const auto& [name, disk] : model.images) ASSERT_TRUE(model.store->remove(name));
  model.collect_some();
  EXPECT_TRUE(model.store->files().list(kPacks)->empty()) << "seed " << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, ::testing::Range<std::uint64_t>(1, 5));

}  // namespace
}  // namespace orrery::store
