#include "store/segmenter.hpp"

#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "store/disks.hpp"

namespace orrery::store {
namespace {

std::uint64_t total(const std::vector<Cut>& cuts) {
  return std::accumulate(cuts.begin(), cuts.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Cut& cut) { return sum + cut.length; });
}

TEST(Segmenter, CoversAllAndSetsZeroesApart) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 50; ++i) {
    const auto disk = testing::make_disk(random, 1 + random() % 300, 50);
    const auto cuts = cut_segments(disk, Ending::kLast);
    EXPECT_EQ(total(cuts), disk.size());
    std::size_t at = 0;
    for (const Cut& cut : cuts) {
      EXPECT_TRUE(cut.zeroes || cut.length <= kMostSegment);
      for (std::size_t block = at; block < at + cut.length; block += kBlock) {
        const auto first = disk.begin() + static_cast<std::ptrdiff_t>(block);
        const bool zero =
            std::all_of(first, first + kBlock, [](std::byte b) { return b == std::byte{0}; });
        EXPECT_EQ(zero, cut.zeroes) << "block at " << block;
      }
      at += cut.length;
    }
  }
}

TEST(Segmenter, LeavesWhatMayGoOn) {
  std::mt19937_64 random(2);
  std::vector<std::byte> block(kBlock, std::byte{0x11});
  const auto chosen = [&] { return !cut_segments(block, Ending::kMore).empty(); };
  while (chosen()) block.back() = static_cast<std::byte>(1 + random() % 255);
  EXPECT_EQ(total(cut_segments(block, Ending::kMore)), 0u);
  EXPECT_EQ(total(cut_segments(block, Ending::kLast)), kBlock);
}

TEST(Segmenter, CutsTheSameStretchAlikeWhereverItLies) {
  std::mt19937_64 random(3);
  const auto stretch = testing::make_disk(random, 400, 1000);
  auto shifted = testing::make_disk(random, 5, 1000);
  shifted.insert(shifted.end(), stretch.begin(), stretch.end());
  const auto lengths = [](const std::vector<Cut>& cuts, std::size_t count) {
    std::vector<std::uint32_t> last;
    for (std::size_t i = cuts.size() - count; i < cuts.size(); ++i) last.push_back(cuts[i].length);
    return last;
  };
  const auto one = cut_segments(stretch, Ending::kLast);
  const auto other = cut_segments(shifted, Ending::kLast);
  // Only what begins before the first common cut differs.
  const std::size_t common = one.size() - 3;
  EXPECT_EQ(lengths(one, common), lengths(other, common));
}

TEST(Segmenter, EndsAFileWhereItsLastBlockEndsInZeroes) {
  std::vector<std::byte> bytes(2 * kBlock, std::byte{0x5A});
  std::fill(bytes.begin() + kBlock - 16, bytes.begin() + kBlock, std::byte{0});
  const auto cuts = cut_segments(bytes, Ending::kLast);
  ASSERT_EQ(cuts.size(), 2u);
  EXPECT_EQ(cuts[0].length, kBlock);
}

TEST(Segmenter, TakesADiskThatEndsWithinABlock) {
  const std::vector<std::byte> bytes(kBlock + 512, std::byte{0x5A});
  EXPECT_EQ(total(cut_segments(bytes, Ending::kLast)), bytes.size());
}

}  // namespace
}  // namespace orrery::store
