#include "memory/guest_memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery::memory {
namespace {

constexpr std::uint64_t kRomStart = 0xf'0000;

std::unique_ptr<GuestMemory> two_regions() {
  return std::move(
             GuestMemory::create({{GuestPhysical(0), Bytes(64_KiB)},
                                  {GuestPhysical(kRomStart), Bytes(64_KiB), RegionKind::kRom}}))
      .value();
}

TEST(GuestMemory, RefusesRegionsThatOverlapOrAreNotPages) {
  const auto overlapping =
      GuestMemory::create({{GuestPhysical(0), Bytes(8_KiB)}, {GuestPhysical(4096), Bytes(4_KiB)}});
  ASSERT_FALSE(overlapping);
  EXPECT_THAT(overlapping.error().message(), testing::HasSubstr("overlaps"));
  EXPECT_FALSE(GuestMemory::create({{GuestPhysical(1), Bytes(4_KiB)}}));
  EXPECT_FALSE(GuestMemory::create({{GuestPhysical(0), Bytes(0)}}));
}

TEST(GuestMemory, ReadsBackWhatWasWrittenAndNothingOutside) {
  const auto memory = two_regions();
  const std::uint32_t value = 0x1234'5678;
  EXPECT_TRUE(memory->write(GuestPhysical(0x1000), as_bytes(&value, 4)));
  std::uint32_t back = 0;
  EXPECT_TRUE(memory->read(GuestPhysical(0x1000), {reinterpret_cast<std::byte*>(&back), 4}));
  EXPECT_EQ(back, value);

  EXPECT_FALSE(memory->write(GuestPhysical(64_KiB - 2), as_bytes(&value, 4)));
  EXPECT_FALSE(memory->read(GuestPhysical(64_KiB), {reinterpret_cast<std::byte*>(&back), 4}));
  EXPECT_FALSE(memory->host_span(GuestPhysical(64_KiB - 2), 4));
  EXPECT_FALSE(memory->host_span(GuestPhysical(0), ~std::uint64_t{0}));
}

TEST(GuestMemory, OnlyLoadersWriteRom) {
  const auto memory = two_regions();
  const std::uint32_t value = 1;
  EXPECT_FALSE(memory->write(GuestPhysical(kRomStart), as_bytes(&value, 4)));
  EXPECT_TRUE(memory->load(GuestPhysical(kRomStart), as_bytes(&value, 4)));
  EXPECT_FALSE(memory->host_span(GuestPhysical(kRomStart), 4));
}

TEST(GuestMemory, CountsOnlyRamAsRam) {
  EXPECT_EQ(two_regions()->ram_size(), Bytes(64_KiB));
}

class WatcherDouble : public PageWatcher {
 public:
  void page_written(GuestPhysical page) override { pages.push_back(page); }
  std::vector<GuestPhysical> pages;
};

TEST(GuestMemory, WritesMarkPagesDirtyAndTellTheWatcherOfWatchedOnes) {
  const auto memory = two_regions();
  WatcherDouble watcher;
  memory->set_watcher(&watcher);
  memory->page_flags(GuestPhysical(0x2000)).fetch_or(GuestMemory::kWatched);
  const std::vector<std::byte> bytes(3 * kPageSize);
  EXPECT_TRUE(memory->write(GuestPhysical(0x1000), bytes));
  EXPECT_THAT(watcher.pages, testing::ElementsAre(GuestPhysical(0x2000)));
  for (const std::uint64_t page : {0x1000u, 0x2000u, 0x3000u}) {
    EXPECT_TRUE(memory->page_flags(GuestPhysical(page)) & GuestMemory::kDirty);
  }
  EXPECT_FALSE(memory->page_flags(GuestPhysical(0x4000)) & GuestMemory::kDirty);
}

TEST(GuestMemory, TakesDirtyPagesOnce) {
  const auto memory =
      std::move(*GuestMemory::create({{GuestPhysical(0), Bytes(4 * kPageSize)},
                                      {GuestPhysical(4 * kPageSize), Bytes(kPageSize)}}));
  EXPECT_TRUE(memory->take_dirty_pages().empty());
  memory->mark_written(GuestPhysical(kPageSize), 2 * kPageSize);
  memory->mark_written(GuestPhysical(4 * kPageSize), 1);  // a run does not leave its region
  EXPECT_EQ(memory->take_dirty_pages(), (std::vector<PageRun>{{GuestPhysical(kPageSize), 2},
                                                              {GuestPhysical(4 * kPageSize), 1}}));
  EXPECT_TRUE(memory->take_dirty_pages().empty());
}

}  // namespace
}  // namespace orrery::memory
