// VHDX both ways with QEMU's own tools: what they write we read, what we write they find whole
// (Debian's qemu-utils). QEMU knows no differencing ones and no sectors of 4096 bytes.
#include "storage/qemu.hpp"

#include "storage/tools/disk_tools.hpp"

namespace orrery::storage {
namespace {

class VhdxQemuTest : public QemuTest {
 protected:
  void create(const std::string& name, CreateOptions options) {
    options.path = path(name);
    options.format = Format::kVhdx;
    const Result<> created = create_disk(*loop_, options);
    ASSERT_TRUE(created) << created.error().message();
  }
  std::string error_of_opening(const std::string& name) {
    DiskOptions options;
    options.path = path(name);
    options.read_only = true;
    const auto disk = open_disk(*loop_, options);
    return disk ? "" : disk.error().message();
  }
  std::uint64_t errors_of(const std::string& name) {
    const auto report = check_disk(*loop_, path(name), std::nullopt, Repair::kNo);
    EXPECT_TRUE(report) << report.error().message();
    return report ? report->errors : 1;
  }
};

const std::vector<std::string> kCreateOptions{
    "",
    "-o block_size=1M",
    "-o subformat=fixed,block_size=2M",
    "-o block_state_zero=off",
    "-o log_size=2M",
};

TEST_F(VhdxQemuTest, ReadsWhatQemuWrites) {
  for (const std::string& create : kCreateOptions) {
    SCOPED_TRACE(create);
    shell(format("rm -f a.vhdx; qemu-img create -f vhdx {} a.vhdx {}", create, kDiskSize));
    shell(qemu_trace("a.vhdx", 1, 150));
    expect_read_alike("a.vhdx");
    EXPECT_EQ(errors_of("a.vhdx"), 0u);
  }
}

TEST_F(VhdxQemuTest, QemuFindsWholeWhatWeWrite) {
  for (const std::string& create : kCreateOptions) {
    SCOPED_TRACE(create);
    shell(format("rm -f a.vhdx; qemu-img create -f vhdx {} a.vhdx {}", create, kDiskSize));
    shell(qemu_trace("a.vhdx", 5, 60));
    expect_written_alike("a.vhdx", 6);
    EXPECT_EQ(errors_of("a.vhdx"), 0u);
  }
}

TEST_F(VhdxQemuTest, QemuTakesWhatWeMake) {
  for (const unsigned shape : {0u, 1u, 2u}) {
    SCOPED_TRACE(shape);
    CreateOptions options;
    options.size = Bytes(kDiskSize);
    if (shape == 1) options.cluster_size = 1u << 20;
    options.fixed = shape == 2;
    shell("rm -f a.vhdx");
    create("a.vhdx", options);
    shell("qemu-img check -f vhdx a.vhdx");
    expect_written_alike("a.vhdx", 7);
    for (unsigned round = 0; round < 2; ++round) {
      shell(qemu_trace("a.vhdx", 20 + round, 40));
      expect_written_alike("a.vhdx", 30 + round);
    }
  }
}

// Ended without the flush that empties the log.
TEST_F(VhdxQemuTest, QemuCarriesOutTheLogThatWeLeave) {
  CreateOptions made;
  made.size = Bytes(kDiskSize);
  made.cluster_size = 1u << 20;
  create("a.vhdx", made);
  DiskOptions options;
  options.path = path("a.vhdx");
  std::vector<std::byte> content(kDiskSize);
  auto disk = open(options);
  ASSERT_NE(disk, nullptr);
  write_randomly(*disk, content, 9, 30);
  std::vector<std::byte> bytes(512, std::byte{0x77});
  for (const std::uint64_t offset : {std::uint64_t{0}, 20_MiB}) {
    ASSERT_TRUE(perform(*disk, {.kind = port::BlockRequest::Kind::kDiscard,
                                .offset = offset,
                                .length = 1_MiB,
                                .may_unmap = false,
                                .buffers = {}}));
    std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(offset), 1_MiB, std::byte{0});
    ASSERT_TRUE(perform(*disk, {.kind = port::BlockRequest::Kind::kFlush,
                                .offset = 0,
                                .length = 0,
                                .may_unmap = false,
                                .buffers = {}}));
  }
  disk.reset();
  const auto described = describe_disk(*loop_, path("a.vhdx"), std::nullopt);
  ASSERT_TRUE(described) << described.error().message();
  EXPECT_TRUE(described->dirty);
  // We read it whole without writing to it, and QEMU once it has mended it.
  options.read_only = true;
  EXPECT_TRUE(read_all(*open(options)) == content);
  shell("qemu-img check -r all -f vhdx a.vhdx");
  shell("qemu-img convert -O raw a.vhdx after.raw");
  EXPECT_TRUE(read_file(path("after.raw")) == content);
}

TEST_F(VhdxQemuTest, QemuSeesItGrown) {
  shell(
      "qemu-img create -f vhdx -o block_size=1M a.vhdx 3M && qemu-io -c 'write -P 7 0 3M' a.vhdx");
  const Result<> resized =
      resize_disk(*loop_, path("a.vhdx"), std::nullopt, Bytes(kDiskSize), Shrink::kRefuse);
  ASSERT_TRUE(resized) << resized.error().message();
  expect_written_alike("a.vhdx", 14);
}

TEST_F(VhdxQemuTest, IsNotOpenedOverAParentThatChanged) {
  shell(format("mkdir below && qemu-img create -f vhdx below/base.vhdx {}", kDiskSize));
  shell("qemu-io -c 'write -P 9 0 8M' below/base.vhdx");
  CreateOptions made;
  made.backing = "below/base.vhdx";
  create("top.vhdx", made);
  shell("qemu-img convert -O raw below/base.vhdx expected.raw");
  std::vector<std::byte> content = read_file(path("expected.raw"));
  DiskOptions options;
  options.path = path("top.vhdx");
  auto disk = open(options);
  ASSERT_NE(disk, nullptr);
  EXPECT_TRUE(read_all(*disk) == content);
  write_randomly(*disk, content, 10, 100);
  EXPECT_TRUE(read_all(*disk) == content);
  disk.reset();
  EXPECT_EQ(errors_of("top.vhdx"), 0u);
  EXPECT_TRUE(read_all(*open(options)) == content);
  // Moved beside the child: found by its name.
  shell("mv below/base.vhdx .");
  EXPECT_TRUE(read_all(*open(options)) == content);
  const auto top = describe_disk(*loop_, path("top.vhdx"), std::nullopt);
  const auto base = describe_disk(*loop_, path("base.vhdx"), std::nullopt);
  ASSERT_TRUE(top && base);
  EXPECT_EQ(top->parent_identity, base->identity);
  shell("qemu-io -c 'write -P 1 0 512' base.vhdx");
  const auto changed = describe_disk(*loop_, path("base.vhdx"), std::nullopt);
  ASSERT_TRUE(changed);
  const std::string error = error_of_opening("top.vhdx");
  for (const std::string& part :
       {path("top.vhdx"), path("base.vhdx"), base->identity, changed->identity}) {
    EXPECT_NE(error.find(part), std::string::npos) << part << " in " << error;
  }
  shell("rm base.vhdx");
  EXPECT_NE(error_of_opening("top.vhdx").find(".\\below\\base.vhdx is not there"),
            std::string::npos)
      << error_of_opening("top.vhdx");
}

TEST_F(VhdxQemuTest, LiesBelowAQcow2ThatKnowsItsContent) {
  shell("qemu-img create -f vhdx base.vhdx 4M && qemu-io -c 'write -P 9 0 2M' base.vhdx");
  CreateOptions options;
  options.path = path("top.qcow2");
  options.backing = "base.vhdx";
  ASSERT_TRUE(create_disk(*loop_, options));
  expect_read_alike("top.qcow2");
  shell("qemu-io -c 'write -P 1 0 512' base.vhdx");
  EXPECT_NE(error_of_opening("top.qcow2").find("is not what it was"), std::string::npos);
}

}  // namespace
}  // namespace orrery::storage
