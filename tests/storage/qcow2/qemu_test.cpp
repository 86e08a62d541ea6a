// qcow2 both ways with QEMU's own tools: what they write we read, what we write they find whole
// (Debian's qemu-utils).
#include "storage/qemu.hpp"

namespace orrery::storage {
namespace {

using Qcow2QemuTest = QemuTest;

const std::vector<std::string> kCreateOptions{
    "",
    "-o cluster_size=512,refcount_bits=64",
    "-o cluster_size=4k,refcount_bits=1",
    "-o cluster_size=2M",
    "-o compat=0.10",
    "-o lazy_refcounts=on",
    "-o preallocation=metadata",
};

TEST_F(Qcow2QemuTest, ReadsWhatQemuWrites) {
  for (const std::string& create : kCreateOptions) {
    SCOPED_TRACE(create);
    shell(format("rm -f a.qcow2; qemu-img create -f qcow2 {} a.qcow2 {}", create, kDiskSize));
    shell(qemu_trace("a.qcow2", 1, 150));
    expect_read_alike("a.qcow2");
  }
}

TEST_F(Qcow2QemuTest, ReadsSubclusters) {
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

TEST_F(Qcow2QemuTest, ReadsCompressedClusters) {
  for (const std::string type : {"zlib", "zstd"}) {
    shell(format("rm -f *.qcow2; qemu-img create -f qcow2 plain.qcow2 {}", kDiskSize));
    shell(qemu_trace("plain.qcow2", 3, 200));
    shell("qemu-img convert -c -O qcow2 -o compression_type=" + type + " plain.qcow2 a.qcow2");
    expect_read_alike("a.qcow2");
    // Compressed clusters are replaced by plain ones when they are written.
    expect_written_alike("a.qcow2", 4);
  }
}

TEST_F(Qcow2QemuTest, QemuFindsWholeWhatWeWrite) {
  for (const std::string& create : kCreateOptions) {
    SCOPED_TRACE(create);
    shell(format("rm -f a.qcow2; qemu-img create -f qcow2 {} a.qcow2 {}", create, kDiskSize));
    shell(qemu_trace("a.qcow2", 5, 60));
    expect_written_alike("a.qcow2", 6);
  }
}

TEST_F(Qcow2QemuTest, GoesBackAndForth) {
  shell(format("qemu-img create -f qcow2 a.qcow2 {}", kDiskSize));
  for (unsigned round = 0; round < 4; ++round) {
    shell(qemu_trace("a.qcow2", 10 + round, 50));
    expect_written_alike("a.qcow2", 20 + round);
  }
}

// Subclusters, compressed clusters, clusters of all sizes and version 2, over each other and below
// a disk of ours.
TEST_F(Qcow2QemuTest, ReadsChainsOfAllKinds) {
  shell(format("qemu-img create -f raw base.img {}", kDiskSize));
  shell(qemu_trace("base.img", 40, 60, "-f raw"));
  std::string below = "-b base.img -F raw";
  const std::vector<std::string> kinds{"compat=0.10",
                                       "extended_l2=on,cluster_size=64k",
                                       "cluster_size=512",
                                       "extended_l2=on,cluster_size=2M",
                                       "cluster_size=2M",
                                       "compression_type=zstd,cluster_size=4k",
                                       "cluster_size=1k,refcount_bits=1"};
  unsigned made = 0;
  for (const std::string& kind : kinds) {
    const std::string image = format("link{}.qcow2", ++made);
    SCOPED_TRACE(kind);
    shell(format("qemu-img create -f qcow2 -o {} {} {}", kind, below, image));
    shell(format("qemu-io -c 'write -c -P {} {} 4M' {}", made, made * 2_MiB, image));
    shell(qemu_trace(image, 40 + made, 40));
    below = format("-b {} -F qcow2", image);
    expect_read_alike(image);
  }
  shell(format("qemu-img create -f qcow2 {} top.qcow2", below));
  expect_written_alike("top.qcow2", 60);
}

TEST_F(Qcow2QemuTest, WritesOverBackingFiles) {
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

TEST_F(Qcow2QemuTest, ReadsAndKeepsInternalSnapshots) {
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

TEST_F(Qcow2QemuTest, CountsClustersAnewInAnImageThatWasNotClosed) {
  shell(format("qemu-img create -f qcow2 -o lazy_refcounts=on a.qcow2 {}", kDiskSize));
  // Killed before it could take the dirty mark back.
  shell("qemu-io -c 'write -P 5 0 3M' -c 'write -P 6 9M 1M' -c 'flush' -c 'abort' a.qcow2 || true");
  const auto marked = read_file(path("a.qcow2"));
  ASSERT_EQ(marked[79], std::byte{1}) << "not marked as dirty";
  expect_written_alike("a.qcow2", 13);
  EXPECT_EQ(read_file(path("a.qcow2"))[79], std::byte{0});
}

TEST_F(Qcow2QemuTest, ResizesAsQemuDoes) {
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
