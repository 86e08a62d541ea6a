// Power cuts at any operation: afterwards every image that was published reads whole, and the store
// goes on.
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "store/collect.hpp"
#include "store/disks.hpp"
#include "store/memory_files.hpp"
#include "store/scrub.hpp"

namespace orrery::store {
namespace {

using Images = std::map<std::string, testing::DiskBytes>;

// One change at a time may be under way when the power goes.
struct Change {
  std::string name;
  std::optional<testing::DiskBytes> before;  // nothing: not there
  std::optional<testing::DiskBytes> after;
};

class CrashRun {
 public:
  explicit CrashRun(std::uint64_t seed) : random_(seed) {}

  // Works until a process is killed, sometimes; then others work until the power goes; then looks
  // at what is left.
  void run() {
    for (int cut = 0; cut < 12 && !::testing::Test::HasFatalFailure(); ++cut) {
      SCOPED_TRACE(format("cut {}", cut));
      killed_ = {};
      if (random_() % 2 == 0) killed_ = work_for(60);
      change_ = work_for(120);
      folder_ = folder_->cut_power(random_);
      look();
    }
  }

 private:
  // At most so many operations more; what was under way then.
  Change work_for(std::uint64_t operations) {
    folder_->fails_after = folder_->operations + random_() % operations;
    change_ = {};
    while (work()) {
    }
    return change_;
  }
  std::optional<testing::DiskBytes> image(const std::string& name) const {
    const auto found = images_.find(name);
    return found == images_.end() ? std::nullopt : std::optional(found->second);
  }
  Result<> perform(Store& store, Change& change) {
    if (random_() % 3 == 0) {
      ORRERY_CHECK(collect(store, {.percent = 10}, {}));
      return {};
    }
    do {
      change.name = format("image{}", random_() % 4);
    } while (change.name == killed_.name);
    change.before = change.after = image(change.name);
    if (change.before && random_() % 2 == 0) {
      change.after = std::nullopt;
      return store.remove(change.name);
    }
    change.after = testing::make_disk(random_, 1 + random_() % 200, 400);
    ORRERY_CHECK(testing::add_disk(store, change.name, *change.after, random_));
    return {};
  }
  bool work() {
    auto store = Store::create(std::make_unique<testing::MemoryFiles>(folder_));
    if (!store) return false;
    const Result<> done = perform(**store, change_);
    if (!done) {
      EXPECT_GE(folder_->operations, folder_->fails_after) << done.error().message();
      return false;
    }
    if (!change_.name.empty()) settle(change_, change_.after);
    change_ = {};
    return true;
  }
  void settle(const Change& change, const std::optional<testing::DiskBytes>& state) {
    if (state) {
      images_[change.name] = *state;
    } else {
      images_.erase(change.name);
    }
  }

  // What was under way is as before or as after.
  void look_at(const Store& store, const Change& change) {
    if (change.name.empty()) return;
    const auto read = testing::read_disk(store, change.name);
    const auto found = read ? std::optional(*read) : std::nullopt;
    ASSERT_TRUE(found == change.before || found == change.after) << change.name;
    settle(change, found);
  }

  void look() {
    const auto store = Store::create(std::make_unique<testing::MemoryFiles>(folder_));
    ASSERT_TRUE(store) << store.error().message();
    const auto report = scrub(**store, {});
    ASSERT_TRUE(report) << report.error().message();
    ASSERT_TRUE(report->damaged_images.empty()) << report->damage[0];
    look_at(**store, killed_);
    look_at(**store, change_);
    for (const auto& [name, disk] : images_) {
      const auto read = testing::read_disk(**store, name);
      ASSERT_TRUE(read) << read.error().message();
      ASSERT_TRUE(*read == disk) << name;
    }
    EXPECT_EQ((*store)->images()->size(), images_.size());
  }

  std::mt19937_64 random_;
  std::shared_ptr<testing::MemoryFolder> folder_ = std::make_shared<testing::MemoryFolder>();
  Images images_;
  Change change_;
  Change killed_;
};

class CrashTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(CrashTest, EveryPublishedImageReadsWhole) {
  SCOPED_TRACE(format("seed {}", GetParam()));
  CrashRun(GetParam()).run();
}

INSTANTIATE_TEST_SUITE_P(Seeds, CrashTest, ::testing::Range<std::uint64_t>(1, 13));

// The process that removes an image is killed before the removal is durable; a collection must not
// take its word.
TEST(Killed, ARemovalThatWasNotSyncedCanBeUndoneByAPowerCut) {
  std::mt19937_64 random(1);
  int came_back = 0;
  for (int i = 0; i < 40; ++i) {
    auto folder = std::make_shared<testing::MemoryFolder>();
    const auto store = Store::create(std::make_unique<testing::MemoryFiles>(folder)).value();
    ASSERT_TRUE(testing::add_disk(*store, "one", testing::make_disk(random, 50, 400), random));
    folder->fails_after = folder->operations + 1;
    ASSERT_FALSE(store->remove("one"));
    folder->fails_after = folder->operations + 1 + random() % 40;
    (void)collect(*store, {}, {});
    folder = folder->cut_power(random);
    const auto left = Store::create(std::make_unique<testing::MemoryFiles>(folder)).value();
    if (left->images()->empty()) continue;
    ++came_back;
    const auto read = testing::read_disk(*left, "one");
    ASSERT_TRUE(read) << read.error().message();
  }
  EXPECT_GT(came_back, 0);
}

// Files that were cut off or filled with zeroes by other means than ours are found, and nothing
// falls over them.
TEST(Torn, PacksAndImagesThatAreCutOffAreNamed) {
  std::mt19937_64 random(1);
  const auto folder = std::make_shared<testing::MemoryFolder>();
  const auto store = Store::create(std::make_unique<testing::MemoryFiles>(folder)).value();
  ASSERT_TRUE(testing::add_disk(*store, "one", testing::make_disk(random, 100, 1000), random));
  for (const std::string& of : {std::string("packs"), kImages}) {
    auto& content = folder->names.at(of + "/" + store->files().list(of)->at(0))->content;
    const auto whole = content;
    for (int i = 0; i < 100; ++i) {
      content.resize(random() % whole.size());
      const auto report = scrub(*store, {});
      ASSERT_TRUE(report) << report.error().message();
      EXPECT_EQ(report->damaged_images, std::vector<std::string>{"one"}) << content.size();
      content = whole;
    }
  }
}

}  // namespace
}  // namespace orrery::store
