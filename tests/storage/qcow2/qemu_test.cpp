// qcow2 both ways with QEMU's own tools: what they write we read, what we write they find whole
// (Debian's qemu-utils).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "base/format.hpp"
#include "storage/disk_image.hpp"
#include "storage/qcow2/check.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/submitted.hpp"

namespace orrery::storage {
namespace {

using port::BlockRequest;
using Kind = BlockRequest::Kind;

constexpr std::uint64_t kDiskSize = 24_MiB;

class QemuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("qemu-img --version >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "qemu-img is not installed (tools/setup test)";
    }
    char name[] = "/tmp/orrery-qcow2-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void shell(const std::string& command) const {
    const std::string all = "cd " + folder_ + " && { " + command + "; } >log 2>&1";
    ASSERT_EQ(std::system(all.c_str()), 0) << command << "\n" << read_text(path("log"));
  }
  static std::string read_text(const std::string& file) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    std::string text(error ? 0 : size, '\0');
    std::ifstream(file).read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
  }

  // Random writes, zeroes and discards by qemu-io.
  std::string qemu_trace(const std::string& image, unsigned seed, unsigned count) const {
    std::mt19937 random(seed);
    std::string commands = "qemu-io -t unsafe -d unmap";
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t sector = random() % (kDiskSize / 512 - 300);
      const std::uint64_t sectors = 1 + random() % 300;
      switch (random() % 6) {
        case 0: commands += format(" -c 'write -z {} {}'", sector * 512, sectors * 512); break;
        case 1: commands += format(" -c 'write -zu {} {}'", sector * 512, sectors * 512); break;
        case 2: commands += format(" -c 'discard {} {}'", sector * 512, sectors * 512); break;
        default:
          commands +=
              format(" -c 'write -P {} {} {}'", 1 + random() % 255, sector * 512, sectors * 512);
      }
    }
    return commands + " " + image + " | { ! grep -i fail; }";
  }

  std::unique_ptr<port::Blocks> open(const DiskOptions& options) {
    auto disk = open_disk(*loop_, options);
    EXPECT_TRUE(disk) << disk.error().message();
    return disk ? std::move(*disk) : nullptr;
  }
  Result<> perform(port::Blocks& disk, BlockRequest request) {
    return run_task(*loop_, waited(disk, std::move(request)));
  }
  std::vector<std::byte> read_all(port::Blocks& disk) {
    std::vector<std::byte> bytes(disk.geometry().size.value());
    const Result<> read = perform(disk, {.kind = Kind::kRead,
                                         .offset = 0,
                                         .length = bytes.size(),
                                         .may_unmap = false,
                                         .buffers = {bytes}});
    EXPECT_TRUE(read) << read.error().message();
    return bytes;
  }
  static std::vector<std::byte> read_file(const std::string& file) {
    const std::string text = read_text(file);
    const auto* const data = reinterpret_cast<const std::byte*>(text.data());
    return {data, data + text.size()};
  }
  // Our reading of IMAGE against QEMU's.
  void expect_read_alike(const std::string& image, const std::string& more = "") {
    shell("qemu-img convert -O raw " + more + " " + image + " expected.raw");
    DiskOptions options;
    options.path = path(image);
    options.read_only = true;
    const auto disk = open(options);
    ASSERT_NE(disk, nullptr);
    EXPECT_TRUE(read_all(*disk) == read_file(path("expected.raw"))) << image;
  }
  // Random requests of ours, kept up in CONTENT.
  void write_randomly(port::Blocks& disk, std::vector<std::byte>& content, unsigned seed,
                      unsigned count) {
    std::mt19937 random(seed);
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t offset = random() % (kDiskSize / 512 - 300) * 512;
      const std::uint64_t length = (1 + random() % 300) * 512;
      const auto begin = content.begin() + static_cast<std::ptrdiff_t>(offset);
      BlockRequest request{.kind = Kind::kWrite,
                           .offset = offset,
                           .length = length,
                           .may_unmap = random() % 2 == 0,
                           .buffers = {}};
      std::vector<std::byte> bytes(length, static_cast<std::byte>(random()));
      if (random() % 4 == 0) {
        request.kind = Kind::kWriteZeroes;
        bytes.assign(length, std::byte{0});
      } else {
        request.buffers = {bytes};
      }
      std::copy(bytes.begin(), bytes.end(), begin);
      const Result<> done = perform(disk, std::move(request));
      ASSERT_TRUE(done) << done.error().message();
    }
    ASSERT_TRUE(flush_disk(*loop_, disk));
  }
  void expect_written_alike(const std::string& image, unsigned seed) {
    shell("qemu-img convert -O raw " + image + " before.raw");
    std::vector<std::byte> content = read_file(path("before.raw"));
    DiskOptions options;
    options.path = path(image);
    auto disk = open(options);
    ASSERT_NE(disk, nullptr);
    write_randomly(*disk, content, seed, 200);
    disk.reset();
    shell("qemu-img check " + image);
    shell("qemu-img convert -O raw " + image + " after.raw");
    EXPECT_TRUE(content == read_file(path("after.raw"))) << image;
    expect_read_alike(image);
  }

  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();

 private:
  static Task<Result<>> waited(port::Blocks& disk, BlockRequest request) {
    co_return co_await Submitted(disk, std::move(request));
  }
  std::string folder_;
};

const std::vector<std::string> kCreateOptions{
    "",
    "-o cluster_size=512,refcount_bits=64",
    "-o cluster_size=4k,refcount_bits=1",
    "-o cluster_size=2M",
    "-o compat=0.10",
    "-o lazy_refcounts=on",
    "-o preallocation=metadata",
};

TEST_F(QemuTest, ReadsWhatQemuWrites) {
  for (const std::string& create : kCreateOptions) {
    SCOPED_TRACE(create);
    shell(format("rm -f a.qcow2; qemu-img create -f qcow2 {} a.qcow2 {}", create, kDiskSize));
    shell(qemu_trace("a.qcow2", 1, 150));
    expect_read_alike("a.qcow2");
  }
}

TEST_F(QemuTest, ReadsSubclusters) {
  shell(
      format("qemu-img create -f qcow2 -o extended_l2=on,cluster_size=64k a.qcow2 {}", kDiskSize));
  shell(qemu_trace("a.qcow2", 2, 200));
  expect_read_alike("a.qcow2");
  DiskOptions options;
  options.path = path("a.qcow2");
  const auto disk = open_disk(*loop_, options);
  ASSERT_FALSE(disk);
  EXPECT_NE(disk.error().message().find("subclusters"), std::string::npos);
}

TEST_F(QemuTest, ReadsCompressedClusters) {
  for (const std::string type : {"zlib", "zstd"}) {
    shell(format("rm -f *.qcow2; qemu-img create -f qcow2 plain.qcow2 {}", kDiskSize));
    shell(qemu_trace("plain.qcow2", 3, 200));
    shell("qemu-img convert -c -O qcow2 -o compression_type=" + type + " plain.qcow2 a.qcow2");
    expect_read_alike("a.qcow2");
    // Compressed clusters are replaced by plain ones when they are written.
    expect_written_alike("a.qcow2", 4);
  }
}

TEST_F(QemuTest, QemuFindsWholeWhatWeWrite) {
  for (const std::string& create : kCreateOptions) {
    SCOPED_TRACE(create);
    shell(format("rm -f a.qcow2; qemu-img create -f qcow2 {} a.qcow2 {}", create, kDiskSize));
    shell(qemu_trace("a.qcow2", 5, 60));
    expect_written_alike("a.qcow2", 6);
  }
}

TEST_F(QemuTest, GoesBackAndForth) {
  shell(format("qemu-img create -f qcow2 a.qcow2 {}", kDiskSize));
  for (unsigned round = 0; round < 4; ++round) {
    shell(qemu_trace("a.qcow2", 10 + round, 50));
    expect_written_alike("a.qcow2", 20 + round);
  }
}

TEST_F(QemuTest, WritesOverBackingFiles) {
  shell(format("qemu-img create -f qcow2 base.qcow2 {}", kDiskSize / 2));
  shell(qemu_trace("base.qcow2", 7, 0));
  shell("qemu-io -c 'write -P 9 0 8M' base.qcow2");
  shell("qemu-img convert -O raw base.qcow2 base.img");
  shell("qemu-img create -f qcow2 -b base.img -F raw middle.qcow2");
  shell("qemu-io -c 'write -P 3 1M 5M' -c 'write -z 2M 1M' middle.qcow2");
  shell(format("qemu-img create -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2 {}", kDiskSize));
  expect_read_alike("top.qcow2");
  expect_written_alike("top.qcow2", 8);
  shell("qemu-img check middle.qcow2 && qemu-img check base.qcow2");
}

TEST_F(QemuTest, ReadsAndKeepsInternalSnapshots) {
  shell(format("qemu-img create -f qcow2 a.qcow2 {}", kDiskSize));
  shell(qemu_trace("a.qcow2", 11, 60));
  shell("qemu-img snapshot -c first a.qcow2");
  shell("qemu-img convert -O raw a.qcow2 first.raw");
  expect_written_alike("a.qcow2", 12);
  DiskOptions options;
  options.path = path("a.qcow2");
  options.read_only = true;
  options.snapshot = "first";
  auto disk = open(options);
  ASSERT_NE(disk, nullptr);
  EXPECT_TRUE(read_all(*disk) == read_file(path("first.raw")));
  disk.reset();
  shell("qemu-img snapshot -d first a.qcow2 && qemu-img check a.qcow2");
}

TEST_F(QemuTest, CountsClustersAnewInAnImageThatWasNotClosed) {
  shell(format("qemu-img create -f qcow2 -o lazy_refcounts=on a.qcow2 {}", kDiskSize));
  // Killed before it could take the dirty mark back.
  shell("qemu-io -c 'write -P 5 0 3M' -c 'write -P 6 9M 1M' -c 'flush' -c 'abort' a.qcow2 || true");
  const auto marked = read_file(path("a.qcow2"));
  ASSERT_EQ(marked[79], std::byte{1}) << "not marked as dirty";
  expect_written_alike("a.qcow2", 13);
  EXPECT_EQ(read_file(path("a.qcow2"))[79], std::byte{0});
}

TEST_F(QemuTest, ResizesAsQemuDoes) {
  shell(
      "qemu-img create -f qcow2 -o cluster_size=512 a.qcow2 1M && qemu-io -c 'write -P 7 0 1M' "
      "a.qcow2");
  DiskOptions options;
  options.path = path("a.qcow2");
  for (const std::uint64_t size : {24_MiB, 700_KiB, 3_MiB}) {
    auto disk = open(options);
    ASSERT_NE(disk, nullptr);
    std::optional<Result<>> answer;
    disk->resize(Bytes(size), [&](Result<> result) {
      answer = std::move(result);
      loop_->stop();
    });
    loop_->run();
    ASSERT_TRUE(answer && *answer) << answer->error().message();
    EXPECT_EQ(disk->geometry().size.value(), size);
    ASSERT_TRUE(flush_disk(*loop_, *disk));
    disk.reset();
    shell("qemu-img check a.qcow2");
    expect_read_alike("a.qcow2");
  }
  const auto content = read_file(path("expected.raw"));
  ASSERT_EQ(content.size(), 3_MiB);
  EXPECT_EQ(content[700 * 1024 - 1], std::byte{7});
  EXPECT_EQ(content[700 * 1024], std::byte{0});
}

}  // namespace
}  // namespace orrery::storage
