// VHDs that QEMU wrote, read by us; and a differencing one, made of two of them, as QEMU makes
// none.
#include "storage/qemu.hpp"

#include "storage/tools/disk_tools.hpp"

namespace orrery::storage {
namespace {

class VhdQemuTest : public QemuTest {
 protected:
  std::string error_of_opening(const std::string& name, bool read_only) {
    DiskOptions options;
    options.path = path(name);
    options.read_only = read_only;
    const auto disk = open_disk(*loop_, options);
    return disk ? "" : disk.error().message();
  }
  void write_file(const std::string& name, const std::vector<std::byte>& bytes) const {
    std::ofstream(path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
};

void seal(std::byte* bytes, std::size_t length, std::size_t checksum_at) {
  std::uint32_t sum = 0;
  store_be(bytes + checksum_at, std::uint32_t{0});
  for (std::size_t i = 0; i < length; ++i) sum += static_cast<std::uint32_t>(bytes[i]);
  store_be(bytes + checksum_at, ~sum);
}

TEST_F(VhdQemuTest, ReadsWhatQemuWrites) {
  // Without the rounding of sizes to what cylinders have.
  for (const std::string create : {"-o force_size=on", "-o subformat=fixed,force_size=on", ""}) {
    SCOPED_TRACE(create);
    shell(format("rm -f a.vhd; qemu-img create -f vpc {} a.vhd {}", create, kDiskSize));
    shell(qemu_trace("a.vhd", 1, 150, "-f vpc"));
    expect_read_alike("a.vhd", "-f vpc");
    const auto described = describe_disk(*loop_, path("a.vhd"), std::nullopt);
    ASSERT_TRUE(described) << described.error().message();
    EXPECT_EQ(described->format, Format::kVhd);
    EXPECT_EQ(described->kind, create.find("fixed") == std::string::npos ? "dynamic" : "fixed");
  }
}

TEST_F(VhdQemuTest, IsOnlyRead) {
  shell("qemu-img create -f vpc a.vhd 4M");
  EXPECT_NE(error_of_opening("a.vhd", false).find("only read"), std::string::npos);
  EXPECT_EQ(error_of_opening("a.vhd", true), "");
  CreateOptions options;
  options.path = path("b.vhd");
  options.format = Format::kVhd;
  options.size = Bytes(1_MiB);
  EXPECT_FALSE(create_disk(*loop_, options));
}

// What a guest writes at the end of a raw disk makes no VHD of it.
TEST_F(VhdQemuTest, AFixedOneIsKnownByItsNameToo) {
  shell("qemu-img create -f vpc -o subformat=fixed,force_size=on a.img 4M");
  const auto described = describe_disk(*loop_, path("a.img"), std::nullopt);
  ASSERT_TRUE(described);
  EXPECT_EQ(described->format, Format::kRaw);
  const auto said = describe_disk(*loop_, path("a.img"), Format::kVhd);
  ASSERT_TRUE(said) << said.error().message();
  EXPECT_EQ(said->size, Bytes(4_MiB));
}

TEST_F(VhdQemuTest, ReadsADifferencingOneOverItsParent) {
  shell("qemu-img create -f vpc -o force_size=on base.vhd 8M");
  shell("qemu-io -f vpc -c 'write -P 1 0 8M' base.vhd");
  shell("qemu-img create -f vpc -o force_size=on top.vhd 8M");
  shell("qemu-io -f vpc -c 'write -P 2 2M 2M' top.vhd");
  const std::vector<std::byte> base = read_file(path("base.vhd"));
  std::vector<std::byte> top = read_file(path("top.vhd"));
  // Kind 4 in both footers; the parent's identifier and a path in the header; a locator's data is
  // at the end, before the footer. Of the block's first 64 sectors every other is the parent's.
  const std::string name = ".\\base.vhd";
  std::vector<std::byte> footer(top.end() - 512, top.end());
  store_be(&footer[60], std::uint32_t{4});
  seal(footer.data(), 512, 64);
  std::copy(footer.begin(), footer.end(), top.begin());
  std::byte* const header = &top[512];
  std::copy_n(base.begin() + 68, 16, header + 40);
  const std::uint64_t locator_at = top.size() - 512;
  store_be(header + 576, std::uint32_t{0x57327275});
  store_be(header + 584, static_cast<std::uint32_t>(name.size() * 2));
  store_be(header + 592, locator_at);
  seal(header, 1024, 36);
  const std::uint64_t block_at = load_be<std::uint32_t>(&top[1536 + 4]) * 512ull;
  for (std::size_t i = 0; i < 8; ++i) top[block_at + i] = std::byte{0xAA};
  top.resize(locator_at + 512);
  for (std::size_t i = 0; i < name.size(); ++i) {
    store_le(&top[locator_at + i * 2], static_cast<std::uint16_t>(name[i]));
  }
  top.insert(top.end(), footer.begin(), footer.end());
  write_file("top.vhd", top);

  std::vector<std::byte> expected(8_MiB, std::byte{1});
  std::fill_n(expected.begin() + 2_MiB, 2_MiB, std::byte{2});
  for (std::size_t sector = 1; sector < 64; sector += 2) {
    std::fill_n(expected.begin() + 2_MiB + sector * 512, 512, std::byte{1});
  }
  DiskOptions options;
  options.path = path("top.vhd");
  options.read_only = true;
  const auto disk = open(options);
  ASSERT_NE(disk, nullptr);
  EXPECT_TRUE(read_all(*disk) == expected);
  // Another disk in the parent's place.
  shell("rm base.vhd && qemu-img create -f vpc -o force_size=on base.vhd 8M");
  EXPECT_NE(error_of_opening("top.vhd", true).find("is another disk"), std::string::npos);
}

TEST_F(VhdQemuTest, IsNamedInAQcow2AsQemuNamesIt) {
  shell("qemu-img create -f vpc -o force_size=on base.vhd 8M");
  shell("qemu-io -f vpc -c 'write -P 1 1M 2M' base.vhd");
  CreateOptions options;
  options.path = path("top.qcow2");
  options.backing = "base.vhd";
  options.size = Bytes(kDiskSize);
  ASSERT_TRUE(create_disk(*loop_, options));
  expect_written_alike("top.qcow2", 3);
}

}  // namespace
}  // namespace orrery::storage
