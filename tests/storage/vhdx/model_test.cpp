// Random operations on VHDX images against a plain picture of the disk, and power cuts at any
// operation (storage/vhdx/image.hpp).
#include <random>

#include "storage/vhdx/bench_vhdx.hpp"

namespace orrery::testing {
namespace {

using Kind = port::BlockRequest::Kind;

// Small disks: 1 MiB is the smallest block there is.
const std::vector<VhdxShape> kShapes{
    {.sectors = 8192},
    {.sectors = 8200, .block_size = 2u << 20},
    {.sectors = 8192, .fixed = true},
    {.sectors = 8192, .sector_size = 4096},
    {.sectors = 8192, .parent_sectors = 6000},
    {.sectors = 8200, .block_size = 2u << 20, .parent_sectors = 9000},
    {.sectors = 8192, .sector_size = 4096, .parent_sectors = 6000},
};

// Requests that are in flight together and do not overlap; they do share blocks.
class Batch {
 public:
  Batch(BenchVhdx& image, std::mt19937_64& random) : image_(image), random_(random) {}

  void submit(unsigned requests) {
    const std::uint64_t sectors = image_.expected.size() / image_.unit();
    std::uint64_t at = random_() % sectors;
    if (random_() % 4 == 0) at = at / 2048 * 2048;
    for (unsigned i = 0; i < requests && at < sectors; ++i) {
      const std::uint64_t most = random_() % 8 == 0 ? 4400 : 20;
      std::uint64_t count = std::min(1 + random_() % most, sectors - at);
      submit_one(at, count);
      at += count + random_() % 16;
    }
  }

 private:
  void submit_one(std::uint64_t sector, std::uint64_t count) {
    const auto expect_done = [](Result<> result) {
      EXPECT_TRUE(result) << result.error().message();
    };
    switch (random_() % 8) {
      case 0: return image_.submit(Kind::kDiscard, sector, count, expect_done);
      case 1:
        return image_.submit(Kind::kWriteZeroes, sector, count, expect_done, random_() % 2 == 0);
      case 2: return image_.submit(Kind::kFlush, 0, 0, expect_done);
      default: return image_.submit(Kind::kWrite, sector, count, expect_done);
    }
  }

  BenchVhdx& image_;
  std::mt19937_64& random_;
};

class VhdxModelTest : public ::testing::TestWithParam<VhdxShape> {};

TEST_P(VhdxModelTest, ReadsAsThePictureDoes) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    BenchVhdx image(GetParam(), seed);
    image.file->keeps_changes = false;
    for (int session = 0; session < 3; ++session) {
      const Result<> opened = image.open();
      ASSERT_TRUE(opened) << opened.error().message();
      image.expect_whole();
      for (int i = 0; i < 40; ++i) {
        Batch(image, random).submit(1 + random() % 12);
        image.settle();
        const std::uint64_t sector = random() % image.expected.size();
        const std::uint64_t count = std::min<std::uint64_t>(50, image.expected.size() - sector);
        const auto found = image.read(sector, count);
        for (std::uint64_t at = 0; at < count; ++at) {
          ASSERT_EQ(found[at], image.expected[sector + at]) << "sector " << sector + at;
        }
      }
      image.expect_content();
      // A session may end with a log that holds changes, or with one that is empty.
      ASSERT_TRUE(image.perform(Kind::kFlush));
      if (session != 1) {
        ASSERT_TRUE(image.perform(Kind::kFlush));
      }
      image.expect_whole();
      if (HasFatalFailure()) return;
    }
    ASSERT_TRUE(image.open(storage::vhdx::Access::kRead));
    EXPECT_TRUE(image.disk->image().log_was_empty());
    image.expect_content();
  }
}

// Batches with a flush between some of them; the power is cut at one operation of the file.
class PowerCut {
 public:
  PowerCut(const VhdxShape& shape, unsigned seed)
      : shape_(shape), random_(seed), image_(shape, seed), allowed_(image_.expected) {}

  void run() {
    ASSERT_TRUE(image_.open());
    image_.file->before_each = [this] {
      if (random_() % 40 == 0 && !::testing::Test::HasFatalFailure()) cut();
    };
    for (int batch = 0; batch < 10; ++batch) {
      for (int i = 0; i < 2; ++i) {
        allowed_.add(image_.expected);
        Batch(image_, random_).submit(1 + random_() % 8);
        allowed_.add(image_.expected);
        image_.settle();
      }
      // All before are done, so this flush speaks for them.
      image_.submit(Kind::kFlush, 0, 0, [&](Result<> result) {
        ASSERT_TRUE(result) << result.error().message();
        allowed_ = Allowed(image_.expected);
        cut();
      });
      image_.settle();
      if (random_() % 2 == 0) {
        ASSERT_TRUE(image_.perform(Kind::kFlush));
      }
      if (::testing::Test::HasFatalFailure()) return;
    }
    EXPECT_GT(cuts_, 10);
  }

 private:
  // The image that is left has no errors and reads as allowed, for who only reads it and for who
  // writes it; the one at hand goes on.
  void cut() {
    ++cuts_;
    BenchVhdx left(shape_, 7);
    left.file->start_from(image_.file->cut_power(random_));
    left.file->keeps_changes = false;
    Result<> opened = left.open(storage::vhdx::Access::kRead);
    ASSERT_TRUE(opened) << opened.error().message();
    const auto found = left.read(0, shape_.sectors);
    allowed_.expect(found);
    opened = left.open();
    ASSERT_TRUE(opened) << opened.error().message();
    left.expect_whole();
    left.expected = found;
    left.expect_content();
    // And it can be gone on with.
    Batch(left, random_).submit(6);
    left.settle();
    left.expect_content();
  }

  const VhdxShape shape_;
  std::mt19937_64 random_;
  BenchVhdx image_;
  Allowed allowed_;
  int cuts_ = 0;
};

TEST_P(VhdxModelTest, LosesNothingThatWasFlushedWhenThePowerIsCut) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    PowerCut(GetParam(), seed).run();
    if (HasFatalFailure()) return;
  }
}

// More pages of tables than an entry of the log has room for, many of them at once.
TEST(VhdxTest, WaitsForRoomInTheLog) {
  constexpr std::uint64_t kSectorsPerPage = 32768;  // of a sector bitmap
  BenchVhdx image({.sectors = 1u << 23, .block_size = 1u << 20, .parent_sectors = 8});
  image.file->keeps_changes = false;
  image.file->most_bytes = 4_GiB;
  ASSERT_TRUE(image.open());
  for (std::uint64_t sector = 0; sector < image.expected.size(); sector += kSectorsPerPage) {
    image.submit(Kind::kWrite, sector, 1,
                 [](Result<> result) { EXPECT_TRUE(result) << result.error().message(); });
  }
  image.settle();
  ASSERT_TRUE(image.perform(Kind::kFlush));
  ASSERT_TRUE(image.open());
  for (std::uint64_t sector = 0; sector < image.expected.size(); sector += kSectorsPerPage / 2) {
    ASSERT_EQ(image.read(sector, 1)[0], image.expected[sector]) << "sector " << sector;
  }
  image.expect_whole();
}

TEST(VhdxTest, GrowsAndMovesItsTableWhereThatIsTooShort) {
  for (const bool fixed : {false, true}) {
    BenchVhdx image({.sectors = 8192, .fixed = fixed});
    image.file->keeps_changes = false;
    ASSERT_TRUE(image.open());
    ASSERT_TRUE(image.perform(Kind::kWrite, 8000, 192));
    ASSERT_TRUE(image.resize(12_MiB));
    image.expect_content();
    ASSERT_TRUE(image.perform(Kind::kWrite, 12_MiB / kSector - 8, 8));
    ASSERT_TRUE(image.perform(Kind::kFlush));
    ASSERT_FALSE(image.resize(8_MiB));
    ASSERT_TRUE(image.open());
    EXPECT_EQ(image.disk->geometry().size, Bytes(12_MiB));
    image.expect_content();
    image.expect_whole();
    if (fixed) continue;
    // 1 MiB of table is for 128 GiB less what bitmaps take.
    const std::uint64_t old_table =
        image.disk->image().regions().find(storage::vhdx::kBatRegion)->offset;
    const std::vector<Stamp> content = image.expected;
    ASSERT_TRUE(image.resize(200_GiB));
    EXPECT_NE(image.disk->image().regions().find(storage::vhdx::kBatRegion)->offset, old_table);
    ASSERT_TRUE(image.open());
    image.expect_whole();
    EXPECT_EQ(image.disk->geometry().size, Bytes(200_GiB));
    EXPECT_EQ(image.read(199_GiB / kSector, 1)[0], 0u);
    const auto found = image.read(0, content.size());
    EXPECT_EQ(found, content);
  }
}

TEST(VhdxTest, ShowsNothingOfItsParentBehindTheOldEnd) {
  BenchVhdx image({.sectors = 8192, .parent_sectors = 16384});
  ASSERT_TRUE(image.open());
  ASSERT_TRUE(image.resize(8_MiB));
  ASSERT_TRUE(image.perform(Kind::kFlush));
  image.expect_content();
  ASSERT_TRUE(image.open());
  image.expect_content();
}

TEST(VhdxTest, DrawsNewIdentifiersWithTheFirstChange) {
  BenchVhdx image({.sectors = 8192});
  ASSERT_TRUE(image.open());
  const storage::vhdx::Header before = image.disk->image().header();
  image.expect_content();
  EXPECT_EQ(image.disk->image().header().file_write, before.file_write);
  ASSERT_TRUE(image.perform(Kind::kWrite, 5, 1));
  const storage::vhdx::Header after = image.disk->image().header();
  EXPECT_NE(after.file_write, before.file_write);
  EXPECT_NE(after.data_write, before.data_write);
  ASSERT_TRUE(image.perform(Kind::kWrite, 9, 1));
  EXPECT_EQ(image.disk->image().header().data_write, after.data_write);
  ASSERT_TRUE(image.open());
  EXPECT_EQ(image.disk->image().header().data_write, after.data_write);
}

INSTANTIATE_TEST_SUITE_P(Shapes, VhdxModelTest, ::testing::ValuesIn(kShapes),
                         [](const auto& parameter) {
                           const VhdxShape& shape = parameter.param;
                           return "blocks" + std::to_string(shape.block_size >> 20) + "M_sectors" +
                                  std::to_string(shape.sector_size) + "_parent" +
                                  std::to_string(shape.parent_sectors) +
                                  (shape.fixed ? "_fixed" : "");
                         });

}  // namespace
}  // namespace orrery::testing
