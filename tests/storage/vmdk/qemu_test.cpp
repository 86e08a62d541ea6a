// VMDKs that QEMU wrote, read by us.
#include "storage/qemu.hpp"

#include "storage/tools/disk_tools.hpp"

namespace orrery::storage {
namespace {

class VmdkQemuTest : public QemuTest {
 protected:
  std::string error_of_opening(const std::string& name, bool read_only = true) {
    DiskOptions options;
    options.path = path(name);
    options.read_only = read_only;
    const auto disk = open_disk(*loop_, options);
    return disk ? "" : disk.error().message();
  }
};

TEST_F(VmdkQemuTest, ReadsStreamOptimizedOnes) {
  shell(format("qemu-img create -f qcow2 plain.qcow2 {}", kDiskSize + 512));
  shell(qemu_trace("plain.qcow2", 3, 200));
  shell("qemu-io -c 'write -s /usr/bin/qemu-img 5M 1M' plain.qcow2");  // not all one byte
  shell("qemu-img convert -O vmdk -o subformat=streamOptimized plain.qcow2 a.vmdk");
  expect_read_alike("a.vmdk");
  const auto described = describe_disk(*loop_, path("a.vmdk"), std::nullopt);
  ASSERT_TRUE(described) << described.error().message();
  EXPECT_EQ(described->kind, "streamOptimized");
  EXPECT_EQ(described->cluster_size, 64_KiB);
}

TEST_F(VmdkQemuTest, ReadsMonolithicOnes) {
  for (const std::string create : {"", ",zeroed_grain=on"}) {
    shell(format("rm -f a.vmdk; qemu-img create -f vmdk -o subformat=monolithicSparse{} a.vmdk {}",
                 create, kDiskSize));
    shell(qemu_trace("a.vmdk", 4, 150));
    expect_read_alike("a.vmdk");
  }
}

TEST_F(VmdkQemuTest, SaysWhatItDoesNotRead) {
  shell("qemu-img create -f vmdk base.vmdk 8M");
  EXPECT_NE(error_of_opening("base.vmdk", false).find("only read"), std::string::npos);
  shell("qemu-img create -f vmdk -b base.vmdk -F vmdk top.vmdk");
  EXPECT_NE(error_of_opening("top.vmdk").find("lies over another VMDK"), std::string::npos);
  shell("qemu-img create -f vmdk -o subformat=twoGbMaxExtentSparse split.vmdk 8M");
  EXPECT_NE(error_of_opening("split.vmdk").find("does not read"), std::string::npos);
  EXPECT_NE(error_of_opening("split-s001.vmdk").find("several files"), std::string::npos);
}

// The last header is at the file's end.
TEST_F(VmdkQemuTest, NoticesThatItWasCutOff) {
  shell("qemu-img create -f raw plain.raw 1M && qemu-io -f raw -c 'write -P 5 0 1M' plain.raw");
  shell("qemu-img convert -f raw -O vmdk -o subformat=streamOptimized plain.raw a.vmdk");
  EXPECT_EQ(error_of_opening("a.vmdk"), "");
  auto bytes = read_file(path("a.vmdk"));
  // As QEMU writes it the directory is at the start; writers of streams say that it is at the end.
  std::vector<std::byte> footer(bytes.begin(), bytes.begin() + 512);
  bytes.resize((bytes.size() + 511) / 512 * 512);
  bytes.insert(bytes.end(), footer.begin(), footer.end());
  bytes.resize(bytes.size() + 512);  // the end-of-stream marker
  std::fill_n(bytes.begin() + 56, 8, std::byte{0xFF});
  const auto write = [&] {
    std::ofstream(path("b.vmdk"), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  };
  write();
  DiskOptions options;
  options.path = path("b.vmdk");
  options.read_only = true;
  EXPECT_TRUE(read_all(*open(options)) == read_file(path("plain.raw")));
  bytes.resize(bytes.size() - 512);
  write();
  EXPECT_NE(error_of_opening("b.vmdk").find("cut off"), std::string::npos);
}

}  // namespace
}  // namespace orrery::storage
