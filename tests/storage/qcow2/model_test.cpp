// Random operations on qcow2 images against a plain picture of the disk, and power cuts at any
// operation (storage/qcow2/image.hpp).
//
// ORRERY_POWER_CUTS=N makes at least N cuts of each shape instead of a hundred or so, and asks
// qemu-img too about what some of them leave.
#include <cstdlib>
#include <fstream>
#include <random>

#include "base/format.hpp"
#include "storage/qcow2/bench_image.hpp"
#include "support/from_environment.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::testing {
namespace {

using Kind = port::BlockRequest::Kind;

const std::vector<ImageShape> kShapes{
    {.sectors = 4096, .cluster_bits = 12},
    {.sectors = 4096, .cluster_bits = 12, .backing_sectors = 3000},
    {.sectors = 2001, .cluster_bits = 9, .refcount_order = 6, .backing_sectors = 4096},
    {.sectors = 8192, .cluster_bits = 9, .refcount_order = 6},
    {.sectors = 4096, .cluster_bits = 10, .refcount_order = 0},
    {.sectors = 4096, .cluster_bits = 16, .refcount_order = 4, .backing_sectors = 4096},
    {.sectors = 4096, .version = 2, .cluster_bits = 12, .backing_sectors = 2000},
    {.sectors = 4096, .version = 2, .cluster_bits = 11},
};

// Requests that are in flight together and do not overlap; they do share clusters.
class Batch {
 public:
  Batch(BenchImage& image, std::mt19937_64& random) : image_(image), random_(random) {}

  void submit(unsigned requests) {
    const std::uint64_t sectors = image_.expected.size();
    std::uint64_t at = random_() % (sectors / 2);
    for (unsigned i = 0; i < requests && at < sectors; ++i) {
      at += random_() % 16;
      const std::uint64_t most = random_() % 8 == 0 ? 400 : 20;
      if (at >= sectors) break;
      const std::uint64_t count = std::min(1 + random_() % most, sectors - at);
      submit_one(at, count);
      at += count;
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

  BenchImage& image_;
  std::mt19937_64& random_;
};

class Qcow2ModelTest : public ::testing::TestWithParam<ImageShape> {};

TEST_P(Qcow2ModelTest, ReadsAsThePictureDoes) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    BenchImage image(GetParam(), seed);
    image.file->keeps_changes = false;
    for (int session = 0; session < 4; ++session) {
      const Result<> opened = image.open();
      ASSERT_TRUE(opened) << opened.error().message();
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
      ASSERT_TRUE(image.perform(Kind::kFlush));
      // Nothing is lost but by a crash.
      const storage::CheckReport report = image.check();
      EXPECT_EQ(report.errors, 0u) << report.messages.front();
      EXPECT_EQ(report.leaks, 0u) << report.messages.front();
      if (HasFatalFailure()) return;
    }
  }
}

// Batches with a flush between some of them; the power is cut at one operation of the file.
class PowerCut {
 public:
  PowerCut(const ImageShape& shape, unsigned seed)
      : shape_(shape), random_(seed), image_(shape, seed), allowed_(image_.expected) {}

  void run() {
    ASSERT_TRUE(image_.open());
    image_.file->before_each = [this] {
      if (random_() % 24 == 0 && !::testing::Test::HasFatalFailure()) cut();
    };
    for (int batch = 0; batch < 12; ++batch) {
      for (int i = 0; i < 3; ++i) {
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
      if (::testing::Test::HasFatalFailure()) return;
    }
    EXPECT_GT(cuts_, 12);
  }
  unsigned cuts() const { return cuts_; }
  void ask_qemu() { asks_qemu_ = true; }

 private:
  // The image that is left has no errors and reads as allowed; the one at hand goes on.
  void cut() {
    ++cuts_;
    BenchImage left(shape_, 7);
    left.file->start_from(image_.file->cut_power(random_));
    left.file->keeps_changes = false;
    const Result<> opened = left.open();
    ASSERT_TRUE(opened) << opened.error().message();
    const storage::CheckReport report = left.check();
    ASSERT_EQ(report.errors, 0u) << report.messages.front();
    if (asks_qemu_ && cuts_ % 16 == 0) expect_qemu_agrees(left.file->content);
    allowed_.expect(left.read(0, shape_.sectors));
    // And it can be gone on with.
    left.expected = left.read(0, shape_.sectors);
    Batch(left, random_).submit(6);
    left.settle();
    left.expect_content();
  }

  // No errors; what counts as used and is not (status 3) is all that a cut may leave.
  static void expect_qemu_agrees(const std::vector<std::byte>& image) {
    const TemporaryFolder folder;
    const std::string path = folder.path("left.qcow2");
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(image.data()),
               static_cast<std::streamsize>(image.size()));
    const std::string command = format("qemu-img check -f qcow2 {} >/dev/null 2>&1", path);
    const int status = WEXITSTATUS(std::system(command.c_str()));
    ASSERT_TRUE(status == 0 || status == 3) << "qemu-img check: " << status;
  }

  const ImageShape shape_;
  std::mt19937_64 random_;
  BenchImage image_;
  Allowed allowed_;
  unsigned cuts_ = 0;
  bool asks_qemu_ = false;
};

TEST_P(Qcow2ModelTest, LosesNothingThatWasFlushedWhenThePowerIsCut) {
  const auto wanted =
      static_cast<unsigned>(testing::number_from_environment("ORRERY_POWER_CUTS", 0));
  unsigned cuts = 0;
  for (unsigned seed = 1; seed <= 8 || cuts < wanted; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    PowerCut power_cut(GetParam(), seed);
    if (wanted != 0) power_cut.ask_qemu();
    power_cut.run();
    cuts += power_cut.cuts();
    if (HasFailure()) return;
  }
  if (wanted != 0) fmt::print("{} cuts\n", cuts);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Qcow2ModelTest, ::testing::ValuesIn(kShapes),
                         [](const auto& parameter) {
                           const ImageShape& shape = parameter.param;
                           return "v" + std::to_string(shape.version) + "_clusters" +
                                  std::to_string(1u << shape.cluster_bits) + "_refcounts" +
                                  std::to_string(1u << shape.refcount_order) + "_backing" +
                                  std::to_string(shape.backing_sectors);
                         });

}  // namespace
}  // namespace orrery::testing
