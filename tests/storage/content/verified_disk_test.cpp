// Parents that are verified as they are read (storage/content/verified_disk.hpp) and the lists of
// segments that they are compared with (docs/formats/content-segments.md).
#include "storage/content/verified_disk.hpp"

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "storage/disk_image.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"
#include "storage/tools/disk_content.hpp"
#include "support/temporary_folder.hpp"

namespace orrery::storage {
namespace {

constexpr std::uint64_t kSize = 1_MiB;

// base (raw or qcow2) with something everywhere, middle with some of it, top with nothing.
class VerifiedDiskTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    create(base_, "");
    write(base_, 0, kSize, 1);
    if (!GetParam()) seal(base_);
    create(middle_, base_);
    write(middle_, 2 * kContentSegment + 4096, 8192, 2);
    seal(middle_);
    create(top_, middle_);
  }

  void create(const std::string& path, const std::string& backing) {
    CreateOptions options;
    options.path = path;
    options.size = Bytes(kSize);
    options.backing = backing;
    options.format = path.ends_with(".raw") ? Format::kRaw : Format::kQcow2;
    if (options.format == Format::kQcow2) options.cluster_size = 4096;
    expect_done(create_disk(*loop_, options));
  }
  void write(const std::string& path, std::uint64_t offset, std::uint64_t length, unsigned seed) {
    DiskOptions options;
    options.path = path;
    const auto disk = open_disk(*loop_, options);
    ASSERT_TRUE(disk) << disk.error().message();
    std::mt19937 random(seed);
    std::vector<std::byte> bytes(length);
    for (std::byte& each : bytes) each = static_cast<std::byte>(random());
    expect_done(run_task(*loop_, write_all(**disk, offset, bytes)));
    expect_done(flush_disk(*loop_, **disk));
  }
  void seal(const std::string& path) { expect_done(seal_disk(*loop_, path, {}, Segments::kWrite)); }
  static void expect_done(const Result<>& result) {
    ASSERT_TRUE(result) << result.error().message();
  }

  Result<std::unique_ptr<port::Blocks>> open() {
    DiskOptions options;
    options.path = top_;
    options.verify_reads = true;
    return open_disk(*loop_, options);
  }
  // What a read says; empty: nothing was wrong.
  std::string read(port::Blocks& disk, std::uint64_t offset, std::uint64_t length) {
    std::vector<std::byte> bytes(length);
    const Result<> done = run_task(*loop_, read_all(disk, offset, bytes));
    return done ? "" : done.error().message();
  }

  static std::string bytes_of(const std::string& path) {
    std::string bytes(std::filesystem::file_size(path), '\0');
    std::ifstream(path, std::ios::binary)
        .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return bytes;
  }
  // With the time as it was, so that opening does not see it.
  static void replace(const std::string& path, const std::string& bytes) {
    const auto time = std::filesystem::last_write_time(path);
    std::ofstream(path, std::ios::binary) << bytes;
    std::filesystem::last_write_time(path, time);
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  const std::string base_ = folder_.path(GetParam() ? "base.raw" : "base.qcow2");
  const std::string middle_ = folder_.path("middle.qcow2");
  const std::string top_ = folder_.path("top.qcow2");
};

INSTANTIATE_TEST_SUITE_P(Bases, VerifiedDiskTest, ::testing::Values(false, true),
                         [](const auto& parameter) { return parameter.param ? "Raw" : "Qcow2"; });

TEST_P(VerifiedDiskTest, ReadsWhatIsAsItWas) {
  const auto disk = open();
  ASSERT_TRUE(disk) << disk.error().message();
  EXPECT_EQ(read(**disk, 0, kSize), "");
  EXPECT_EQ(read(**disk, 512, 512), "");
}

TEST_P(VerifiedDiskTest, NamesTheLinkWhoseByteChanged) {
  std::string changed = bytes_of(base_);
  changed[changed.size() - 100] ^= 1;  // data, of whichever segment
  replace(base_, changed);
  const auto disk = open();
  ASSERT_TRUE(disk) << disk.error().message();
  unsigned told = 0;
  for (std::uint64_t at = 0; at < kSize; at += kContentSegment) {
    const std::string said = read(**disk, at + 512, 512);
    if (said.empty()) continue;  // what is sound is read
    ++told;
    EXPECT_NE(said.find(format("{}: changed: at {} it holds the content ", base_, at)),
              std::string::npos)
        << said;
    EXPECT_EQ(said.find(middle_), std::string::npos) << said;
    EXPECT_NE(read(**disk, at, 512), "") << "once more";
  }
  EXPECT_EQ(told, 1u);
}

// Wherever in the middle image a bit is flipped: what is read is right, or is an error that names
// it.
TEST_P(VerifiedDiskTest, NeverReadsWhatAFlippedBitMadeOfIt) {
  std::vector<std::byte> expected(kSize);
  {
    const auto disk = open();
    ASSERT_TRUE(disk) << disk.error().message();
    expect_done(run_task(*loop_, read_all(**disk, 0, expected)));
  }
  const std::string sound = bytes_of(middle_);
  std::mt19937 random(7);
  unsigned told = 0;
  for (int i = 0; i < 300; ++i) {
    std::string changed = sound;
    const std::size_t bit = random() % (sound.size() * 8);
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    replace(middle_, changed);
    SCOPED_TRACE(format("bit {} of byte {}", bit % 8, bit / 8));
    std::vector<std::byte> bytes(kSize);
    const auto disk = open();
    const Result<> done = disk ? run_task(*loop_, read_all(**disk, 0, bytes)) : fail(disk.error());
    if (done) {
      ASSERT_TRUE(bytes == expected) << "wrong data, and no error";
    } else {
      ++told;
      EXPECT_NE(done.error().message().find(middle_), std::string::npos) << done.error().message();
      EXPECT_EQ(done.error().message().find(base_ + ": changed"), std::string::npos)
          << done.error().message();
    }
  }
  EXPECT_GT(told, 30u) << "of 300";
}

TEST_P(VerifiedDiskTest, SaysWhatIsMissing) {
  const std::string list = segment_list_path(base_);
  const std::string sound = bytes_of(list);
  std::filesystem::remove(list);
  auto disk = open();
  ASSERT_FALSE(disk);
  EXPECT_NE(disk.error().message().find(list + ": cannot open"), std::string::npos)
      << disk.error().message();
  EXPECT_NE(disk.error().message().find("orrery disk seal --segments"), std::string::npos);
  std::string other = sound;
  other.back() ^= 1;
  std::ofstream(list, std::ios::binary) << other;
  disk = open();
  ASSERT_FALSE(disk);
  EXPECT_NE(disk.error().message().find("of another content"), std::string::npos)
      << disk.error().message();
}

// Written by this disk itself.
TEST_P(VerifiedDiskTest, TheDiskItselfMayChange) {
  const auto disk = open();
  ASSERT_TRUE(disk) << disk.error().message();
  std::vector<std::byte> bytes(4096, std::byte{9});
  expect_done(run_task(*loop_, write_all(**disk, 8192, bytes)));
  EXPECT_EQ(read(**disk, 0, kSize), "");
  expect_done(run_task(*loop_, resize_to(**disk, Bytes(2 * kSize))));
  EXPECT_EQ(read(**disk, 0, 2 * kSize), "");
}

TEST(SegmentList, ExampleOfTheFormatPage) {
  std::ifstream page(ORRERY_SOURCE_DIR "/docs/formats/content-segments.md");
  std::vector<std::byte> bytes;
  bool example = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## Example")) example = true;
    if (!example || !line.starts_with("    ")) continue;
    std::erase(line, ' ');
    for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
      bytes.push_back(static_cast<std::byte>(std::stoul(line.substr(i, 2), nullptr, 16)));
    }
  }
  ASSERT_TRUE(store::load_hasher());
  SegmentList list{.size = 131072, .segments = {}};
  for (const std::uint64_t index : {0, 1}) {
    SegmentDigest segment{.index = index, .digest = {}, .whole = false};
    segment.digest.bytes.fill(static_cast<std::byte>(0x11 * (index + 1)));
    list.segments.push_back(segment);
  }
  EXPECT_EQ(encode_segments(list), bytes);
  const auto parsed = parse_segments(bytes, list.root());
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->segments.size(), 2u);
  EXPECT_EQ(parsed->find(1)->digest, list.segments[1].digest);
  EXPECT_EQ(parsed->find(2), nullptr);
}

TEST(SegmentList, RefusesWhatIsCutOrOutOfOrder) {
  ASSERT_TRUE(store::load_hasher());
  SegmentList list{.size = 131072, .segments = {{}, {.index = 1, .digest = {}, .whole = false}}};
  const auto bytes = encode_segments(list);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(parse_segments(ByteSpan(bytes).first(length), list.root())) << length;
  }
  list.segments[1].index = 0;
  const auto wrong = parse_segments(encode_segments(list), list.root());
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message().find("not in order"), std::string::npos);
}

}  // namespace
}  // namespace orrery::storage
