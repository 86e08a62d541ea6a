// A disk that takes what is written for itself: random requests, many in flight, against a picture
// of the disk; the one below stays as it was.
#include "storage/scratch_disk.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/nbd/memory_disk.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::storage {
namespace {

using Kind = port::BlockRequest::Kind;
using testing::MemoryDisk;
using testing::TemporaryFolder;

constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kSectors = 2049;  // the last page is not whole

class ScratchDiskTest : public ::testing::Test {
 protected:
  ScratchDiskTest() : below_(std::make_shared<MemoryDisk>(*loop_, kSectors * kSector)) {
    for (std::byte& each : below_->content) each = static_cast<std::byte>(random_());
    expected_ = below_->content;
    disk_ = std::move(*create_scratch_disk(*loop_, below_, folder_.path("")));
  }

  void submit(port::BlockRequest request) {
    ++in_flight_;
    disk_->submit(std::move(request), [this](Result<> result) {
      EXPECT_TRUE(result) << result.error().message();
      if (--in_flight_ == 0) loop_->stop();
    });
  }
  void wait() {
    while (in_flight_ != 0) loop_->run();
  }

  // Requests for stretches that follow each other, so that they share pages but no sector.
  void submit_some() {
    for (std::uint64_t at = random_() % 64; at < kSectors;) {
      const std::uint64_t count = std::min<std::uint64_t>(1 + random_() % 40, kSectors - at);
      submit_change(at * kSector, count * kSector);
      at += count + random_() % 40;
    }
  }
  void submit_change(std::uint64_t offset, std::uint64_t length) {
    constexpr Kind kKinds[] = {Kind::kWrite, Kind::kWrite, Kind::kWriteZeroes, Kind::kDiscard};
    port::BlockRequest request{
        .kind = kKinds[random_() % 4], .offset = offset, .length = length, .buffers = {}};
    const auto to = expected_.begin() + static_cast<std::ptrdiff_t>(offset);
    std::fill_n(to, length, std::byte{0});
    if (request.kind == Kind::kWrite) {
      std::vector<std::byte>& data = data_.emplace_back(length);
      for (std::byte& each : data) each = static_cast<std::byte>(random_());
      std::ranges::copy(data, to);
      const std::size_t half = length / kSector / 2 * kSector;
      request.buffers = {MutableByteSpan(data).first(half), MutableByteSpan(data).subspan(half)};
    }
    submit(std::move(request));
  }

  std::vector<std::byte> content() {
    std::vector<std::byte> all(kSectors * kSector);
    submit({.kind = Kind::kRead, .length = all.size(), .buffers = {MutableByteSpan(all)}});
    wait();
    return all;
  }

  std::mt19937_64 random_{7};
  TemporaryFolder folder_;
  std::unique_ptr<EventLoop> loop_ = std::move(*EventLoop::create());
  std::shared_ptr<MemoryDisk> below_;
  std::vector<std::byte> expected_;
  std::unique_ptr<port::Blocks> disk_;
  std::vector<std::vector<std::byte>> data_;  // of writes in flight
  std::size_t in_flight_ = 0;
};

TEST_F(ScratchDiskTest, KeepsWhatIsWrittenAndLeavesTheDiskBelow) {
  const std::vector<std::byte> before = below_->content;
  for (unsigned round = 0; round < 40; ++round) {
    submit_some();
    wait();
    data_.clear();
    ASSERT_EQ(content() == expected_, true) << "after round " << round;
  }
  EXPECT_EQ(below_->content == before, true);
}

TEST_F(ScratchDiskTest, LeavesNothingInItsFolder) {
  submit_some();
  wait();
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path("")));
  disk_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path("")));
}

TEST_F(ScratchDiskTest, TellsWhatIsItsOwn) {
  submit({.kind = Kind::kWriteZeroes, .offset = 8 * kSector, .length = 3 * kSector, .buffers = {}});
  wait();
  std::vector<port::BlockExtent> extents;
  for (std::uint64_t at = 0; at < 32 * kSector; at += extents.back().length) {
    disk_->map(at, 32 * kSector - at, [&](Result<port::BlockExtent> extent) {
      ASSERT_TRUE(extent);
      extents.push_back(*extent);
      loop_->stop();
    });
    const std::size_t known = extents.size();
    while (extents.size() == known) loop_->run();
  }
  ASSERT_EQ(extents.size(), 3u);
  EXPECT_EQ(extents[0].length, 8 * kSector);
  EXPECT_FALSE(extents[0].allocated);
  EXPECT_EQ(extents[1].length, 8 * kSector) << "a page";
  EXPECT_TRUE(extents[1].allocated);
  EXPECT_FALSE(extents[2].allocated);
}

TEST_F(ScratchDiskTest, SaysWhereItFindsNoRoom) {
  const auto refused = create_scratch_disk(*loop_, below_, folder_.path("missing"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("/missing"), std::string::npos);
  EXPECT_FALSE(check_scratch_folder(folder_.path("missing")));
  EXPECT_TRUE(check_scratch_folder(folder_.path("")));
}

}  // namespace
}  // namespace orrery::storage
