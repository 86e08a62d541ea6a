// The PVH loader (Xen: docs/misc/pvh.pandoc).
#include "machine/boot/pvh.hpp"

#include "machine/boot/boot_fixture.hpp"
#include "machine/boot/elf_builder.hpp"

namespace orrery::machine::boot {
namespace {

constexpr std::uint64_t kKernel = 0x100'0000;

std::vector<std::byte> kernel_at(std::uint64_t physical_address) {
  ElfBuilder builder(ElfClass::k64, 0xffff'ffff'8100'0000);
  builder.add_segment(0xffff'ffff'8100'0000, physical_address,
                      std::vector<std::byte>(100, std::byte{0x90}), 0x3000);
  builder.add_note("Other", 18, 1);
  builder.add_note("Xen", 18, kKernel + 0x40);
  return builder.build();
}

class PvhTest : public BootTest {};

TEST_F(PvhTest, EntersProtectedModeWithStartInfo) {
  const std::vector<std::byte> initrd(100, std::byte{0x22});
  payload_.modules = {{"initrd.img", initrd}};
  const auto file = kernel_at(kKernel);
  const auto state = load_bytes(file);
  ASSERT_TRUE(state.has_value()) << state.error().message();
  EXPECT_EQ(state->rip, kKernel + 0x40);
  EXPECT_TRUE(state->protected_mode());
  EXPECT_EQ(state->cr0 & x86::cr0::kPaging, 0u);
  EXPECT_TRUE((*state)[x86::SegmentRegister::kCs].attributes.is_big());
  const std::uint64_t info = (*state)[x86::Gpr::kRbx];
  EXPECT_EQ(peek<std::uint32_t>(info), 0x336e'c578u);
  EXPECT_EQ(peek<std::uint32_t>(info + 12), 1u);
  const auto modules = peek<std::uint64_t>(info + 16);
  EXPECT_EQ(peek<std::uint8_t>(peek<std::uint64_t>(modules)), 0x22);
  EXPECT_EQ(peek<std::uint64_t>(modules + 8), 100u);
  EXPECT_EQ(peek_string(peek<std::uint64_t>(info + 24)), "quiet");
  EXPECT_EQ(peek<std::uint64_t>(info + 32), kRsdp.value());
  EXPECT_EQ(peek<std::uint32_t>(info + 48), map_.ranges().size());
}

TEST_F(PvhTest, ZeroesWhatTheFileHasNot) {
  const auto file = kernel_at(kKernel);
  ASSERT_TRUE(memory_->write(GuestPhysical(kKernel + 0x2fff), as_bytes("x", 1)));
  ASSERT_TRUE(load_bytes(file).has_value());
  EXPECT_EQ(peek<std::uint8_t>(kKernel + 99), 0x90);
  EXPECT_EQ(peek<std::uint8_t>(kKernel + 0x2fff), 0);
}

TEST_F(PvhTest, RefusesSegmentsOutsideUsableMemory) {
  for (const std::uint64_t address :
       {std::uint64_t{0xa'0000}, 64_MiB - 0x1000, 4_GiB, ~std::uint64_t{0xfff}}) {
    const auto file = kernel_at(address);
    EXPECT_NE(refusal(file).find("--memory"), std::string::npos) << address;
  }
}

TEST_F(PvhTest, SurvivesCuts) {
  const auto file = kernel_at(kKernel);
  try_all_cuts(file, 1);
}

}  // namespace
}  // namespace orrery::machine::boot
