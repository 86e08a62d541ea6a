// The bzImage loader (Linux: Documentation/arch/x86/boot.rst).
#include "machine/boot/bzimage.hpp"

#include <vector>

#include "machine/boot/boot_fixture.hpp"
#include "machine/boot/linux_boot_params.hpp"

namespace orrery::machine::boot {
namespace {

class BzImageTest : public BootTest {
 protected:
  static constexpr std::size_t kSetupSectors = 3;
  static constexpr std::size_t kPartSize = 0x2000;
  static constexpr std::uint64_t kPreferred = 0x100'0000;

  BzImageTest() : file_((kSetupSectors + 1) * 512 + kPartSize) {
    header_.setup_sects = kSetupSectors;
    header_.syssize = kPartSize / 16;
    header_.boot_flag = SetupHeader::kBootFlag;
    header_.header = SetupHeader::kMagic;
    header_.version = 0x020f;
    header_.loadflags = SetupHeader::kLoadedHigh;
    header_.xloadflags = SetupHeader::kKernel64;
    header_.initrd_addr_max = 0x7fff'ffff;
    header_.kernel_alignment = 0x20'0000;
    header_.relocatable_kernel = 1;
    header_.cmdline_size = 2047;
    header_.pref_address = kPreferred;
    header_.init_size = 0x10'0000;
    file_[(kSetupSectors + 1) * 512] = std::byte{0xcd};
  }

  ByteSpan file() {
    std::memcpy(file_.data() + SetupHeader::kOffset, &header_, sizeof header_);
    return file_;
  }

  SetupHeader header_{};
  std::vector<std::byte> file_;
};

TEST_F(BzImageTest, EntersLongModeAtTheSixtyFourBitEntry) {
  const auto state = load_bytes(file());
  ASSERT_TRUE(state.has_value()) << state.error().message();
  EXPECT_EQ(state->rip, kPreferred + 0x200);
  EXPECT_TRUE(state->code_64bit());
  EXPECT_EQ(state->cpl(), 0u);
  EXPECT_EQ(state->rflags, x86::rflags::kAlwaysOne);
  EXPECT_EQ(peek<std::uint8_t>(kPreferred), 0xcd);
  // PML4 -> PDPT -> page directory: 2 MiB page 8 holds the kernel.
  const auto pdpt = peek<std::uint64_t>(state->cr3) & ~0xfffull;
  const auto directory = peek<std::uint64_t>(pdpt) & ~0xfffull;
  EXPECT_EQ(peek<std::uint64_t>(directory + 8 * 8), kPreferred | 0x83);
  // The GDT holds a 64-bit code segment at selector 10h.
  EXPECT_EQ(peek<std::uint64_t>(state->gdtr.base + 0x10), 0x00af'9b00'0000'ffffu);
}

TEST_F(BzImageTest, FillsTheZeroPage) {
  const auto initrd = std::vector<std::byte>(5000, std::byte{0x11});
  payload_.modules = {{"initrd.img", initrd}};
  const auto state = load_bytes(file());
  ASSERT_TRUE(state.has_value()) << state.error().message();
  const auto params = peek<BootParams>((*state)[x86::Gpr::kRsi]);
  EXPECT_EQ(params.acpi_rsdp_addr, kRsdp.value());
  EXPECT_EQ(peek_string(params.hdr.cmd_line_ptr), "quiet");
  EXPECT_EQ(params.hdr.ramdisk_size, 5000u);
  EXPECT_EQ(params.hdr.ramdisk_image % kPageSize, 0u);
  EXPECT_EQ(peek<std::uint8_t>(params.hdr.ramdisk_image + 4999), 0x11);
  ASSERT_EQ(params.e820_entries, map_.ranges().size());
  EXPECT_EQ(params.e820_table[0].address, 0u);
  EXPECT_EQ(params.e820_table[0].size, kExtendedBiosDataArea.value());
}

TEST_F(BzImageTest, RespectsInitrdAddressLimit) {
  const std::vector<std::byte> initrd(4096);
  payload_.modules = {{"initrd.img", initrd}};
  header_.initrd_addr_max = 0x1ff'ffff;
  const auto state = load_bytes(file());
  ASSERT_TRUE(state.has_value());
  const auto params = peek<BootParams>((*state)[x86::Gpr::kRsi]);
  EXPECT_EQ(params.hdr.ramdisk_image, 0x1ff'f000u);
}

TEST_F(BzImageTest, MovesARelocatableKernelThatDoesNotFitWhereItPrefers) {
  header_.pref_address = 0x8000'0000;
  const auto state = load_bytes(file());
  ASSERT_TRUE(state.has_value()) << state.error().message();
  EXPECT_EQ(state->rip, 0x20'0000u + 0x200);
}

TEST_F(BzImageTest, NamesMemoryWhenTheInitrdDoesNotFit) {
  const std::vector<std::byte> initrd(64_MiB);
  payload_.modules = {{"big.img", initrd}};
  const std::string text = refusal(file());
  EXPECT_NE(text.find("big.img"), std::string::npos) << text;
  EXPECT_NE(text.find("--memory"), std::string::npos) << text;
}

TEST_F(BzImageTest, RefusesATruncatedFile) {
  const ByteSpan whole = file();
  const std::string text = refusal(whole.first(whole.size() - 100));
  EXPECT_NE(text.find("kernel.img"), std::string::npos) << text;
  EXPECT_NE(text.find("cut short"), std::string::npos) << text;
  try_all_cuts(whole, 7);
}

TEST_F(BzImageTest, RefusesThirtyTwoBitAndOldKernels) {
  header_.xloadflags = 0;
  EXPECT_NE(refusal(file()).find("64-bit"), std::string::npos);
  header_.version = 0x0204;
  EXPECT_NE(refusal(file()).find("2.4"), std::string::npos);
}

TEST_F(BzImageTest, RefusesALongCommandLine) {
  payload_.command_line = std::string(3000, 'x');
  EXPECT_NE(refusal(file()).find("--append"), std::string::npos);
}

}  // namespace
}  // namespace orrery::machine::boot
