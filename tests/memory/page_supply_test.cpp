// Memory whose pages come from elsewhere (memory/page_supply.hpp).
#include "memory/page_supply.hpp"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace orrery::memory {
namespace {

// Each page has its number in the content, the last one of all but a few that are zeroes; reads
// wait until somebody lets them go on.
class NumberedPages final : public PageSource {
 public:
  struct Control {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = true;
    std::vector<std::uint64_t> read;  // offsets, in their order
    std::uint64_t broken = UINT64_MAX;
  };
  explicit NumberedPages(std::shared_ptr<Control> control) : control_(std::move(control)) {}

  static std::uint64_t number_at(std::uint64_t page) { return page % 7 == 0 ? 0 : page; }

  Result<> read(std::uint64_t offset, MutableByteSpan to) override {
    std::unique_lock lock(control_->mutex);
    control_->read.push_back(offset);
    control_->changed.notify_all();
    control_->changed.wait(lock, [&] { return control_->open; });
    if (offset <= control_->broken && control_->broken < offset + to.size()) {
      return fail("the source is broken");
    }
    std::memset(to.data(), 0, to.size());
    for (std::uint64_t at = 0; at < to.size(); at += kPageSize) {
      const std::uint64_t number = number_at((offset + at) / kPageSize);
      std::memcpy(&to[at], &number, sizeof number);
    }
    return {};
  }

 private:
  const std::shared_ptr<Control> control_;
};

class PageSupplyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Two regions, of which the second has a part of a chunk at its end.
    auto made = GuestMemory::create(
        {{GuestPhysical(0), Bytes(2_MiB)}, {GuestPhysical(1_GiB), Bytes(1_MiB + 12_KiB)}});
    ASSERT_TRUE(made.has_value());
    memory = std::move(*made);
  }
  void supply_pages() {
    auto made = PageSupply::create(*memory, std::make_unique<NumberedPages>(control),
                                   [this](const Error& error) {
                                     const std::lock_guard lock(control->mutex);
                                     told = error.message();
                                     control->changed.notify_all();
                                   });
    if (!made) GTEST_SKIP() << made.error().message();
    supply = std::move(*made);
  }
  std::uint64_t page(GuestPhysical address) const {
    std::uint64_t number = 0;
    std::memcpy(&number, memory->host_page(address), sizeof number);
    return number;
  }
  void set_open(bool open) {
    const std::lock_guard lock(control->mutex);
    control->open = open;
    control->changed.notify_all();
  }

  std::shared_ptr<NumberedPages::Control> control = std::make_shared<NumberedPages::Control>();
  std::string told;
  std::unique_ptr<GuestMemory> memory;
  std::unique_ptr<PageSupply> supply;
};

TEST_F(PageSupplyTest, EveryPageIsWhatTheSourceSays) {
  supply_pages();
  if (IsSkipped()) return;
  std::uint64_t number = 0;
  for (const Region& region : memory->regions()) {
    for (std::uint64_t at = 0; at < region.size.value(); at += kPageSize) {
      ASSERT_EQ(page(region.start + at), NumberedPages::number_at(number)) << number;
      ++number;
    }
  }
}

TEST_F(PageSupplyTest, WhatIsTouchedComesFirst) {
  control->open = false;
  supply_pages();
  if (IsSkipped()) return;
  // The first chunk is on its way; then whoever waits is served before the rest.
  std::unique_lock lock(control->mutex);
  control->changed.wait(lock, [&] { return !control->read.empty(); });
  lock.unlock();
  std::thread toucher([&] { EXPECT_EQ(page(GuestPhysical(1_GiB + 516_KiB)), 641u); });
  // Nobody can tell when the other thread has touched it; whenever, it gets its page.
  set_open(true);
  toucher.join();
  supply.reset();
  const std::set<std::uint64_t> once(control->read.begin(), control->read.end());
  EXPECT_EQ(once.size(), control->read.size()) << "a chunk was read twice";
  EXPECT_EQ(control->read.front(), 0u);
}

TEST_F(PageSupplyTest, WhatIsWrittenStaysWhileTheRestComes) {
  control->open = false;
  supply_pages();
  if (IsSkipped()) return;
  std::thread writer([&] { std::memset(memory->host_page(GuestPhysical(4_KiB)), 1, 8); });
  set_open(true);
  writer.join();
  EXPECT_EQ(page(GuestPhysical(8_KiB)), 2u);
  supply.reset();
  EXPECT_EQ(page(GuestPhysical(4_KiB)), 0x0101010101010101u);
}

// A page that was given back to the host is a new one, and not the snapshot's again.
TEST_F(PageSupplyTest, PagesThatAreGivenBackAreZeroes) {
  supply_pages();
  if (IsSkipped()) return;
  EXPECT_EQ(page(GuestPhysical(4_KiB)), 1u);
  ASSERT_EQ(::madvise(memory->host_page(GuestPhysical(4_KiB)), kPageSize, MADV_DONTNEED), 0);
  EXPECT_EQ(page(GuestPhysical(4_KiB)), 0u);
}

TEST_F(PageSupplyTest, ABrokenSourceIsTold) {
  control->broken = 5 * kPageSize;
  supply_pages();
  if (IsSkipped()) return;
  std::unique_lock lock(control->mutex);
  control->changed.wait(lock, [&] { return !told.empty(); });
  EXPECT_EQ(told, "the source is broken");
}

}  // namespace
}  // namespace orrery::memory
