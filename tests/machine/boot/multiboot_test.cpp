// The multiboot loader (Multiboot 0.6.96).
#include "machine/boot/multiboot.hpp"

#include "machine/boot/boot_fixture.hpp"
#include "machine/boot/elf_builder.hpp"

namespace orrery::machine::boot {
namespace {

constexpr std::uint32_t kMagic = 0x1bad'b002;
constexpr std::uint32_t kLoad = 0x10'0000;

std::vector<std::byte> header(std::uint32_t flags) {
  ByteWriter out;
  out.write(kMagic);
  out.write(flags);
  out.write(static_cast<std::uint32_t>(-(kMagic + flags)));
  return out.take();
}

// 16 bytes, then the header with its addresses, then code up to 100h bytes.
std::vector<std::byte> flat_kernel(std::uint32_t load_end) {
  ByteWriter out;
  out.write_bytes(std::vector<std::byte>(16, std::byte{0x90}));
  out.write_bytes(header(1u << 16));
  for (const std::uint32_t address : {kLoad + 16, kLoad, load_end, kLoad + 0x400, kLoad + 0x30}) {
    out.write(address);
  }
  out.write_bytes(std::vector<std::byte>(0x100 - out.size(), std::byte{0xf4}));
  return out.take();
}

class MultibootTest : public BootTest {};

TEST_F(MultibootTest, LoadsAFlatKernelByItsAddresses) {
  const auto file = flat_kernel(kLoad + 0x100);
  const auto state = load_bytes(file);
  ASSERT_TRUE(state.has_value()) << state.error().message();
  EXPECT_EQ(state->rip, kLoad + 0x30);
  EXPECT_EQ((*state)[x86::Gpr::kRax], 0x2bad'b002u);
  EXPECT_EQ(peek<std::uint8_t>(kLoad + 0xff), 0xf4);
  const std::uint64_t information = (*state)[x86::Gpr::kRbx];
  EXPECT_GE(information, kLoad + 0x400);
  EXPECT_EQ(peek_string(peek<std::uint32_t>(information + 16)), "kernel.img quiet");
  EXPECT_EQ(peek<std::uint32_t>(information + 4), 639u);
  EXPECT_EQ(peek<std::uint32_t>(information + 44), 24 * map_.ranges().size());
}

TEST_F(MultibootTest, LoadsTheWholeFileWhenNoEndIsGiven) {
  const auto file = flat_kernel(0);
  ASSERT_TRUE(load_bytes(file).has_value());
  EXPECT_EQ(peek<std::uint8_t>(kLoad + 0xff), 0xf4);
}

TEST_F(MultibootTest, PlacesModulesBehindTheKernel) {
  const std::vector<std::byte> first(100, std::byte{1});
  const std::vector<std::byte> second(5000, std::byte{2});
  payload_.modules = {{"one", first}, {"two", second}};
  const auto file = flat_kernel(0);
  const auto state = load_bytes(file);
  ASSERT_TRUE(state.has_value()) << state.error().message();
  const std::uint64_t information = (*state)[x86::Gpr::kRbx];
  ASSERT_EQ(peek<std::uint32_t>(information + 20), 2u);
  const std::uint64_t modules = peek<std::uint32_t>(information + 24);
  const auto start = peek<std::uint32_t>(modules + 16);
  EXPECT_EQ(start % kPageSize, 0u);
  EXPECT_EQ(peek<std::uint32_t>(modules + 20), start + 5000);
  EXPECT_EQ(peek<std::uint8_t>(start + 4999), 2);
  EXPECT_EQ(peek_string(peek<std::uint32_t>(modules + 24)), "two");
}

TEST_F(MultibootTest, LoadsElfOfBothClasses) {
  for (const ElfClass elf_class : {ElfClass::k32, ElfClass::k64}) {
    ElfBuilder builder(elf_class, kLoad + 12);
    builder.add_segment(kLoad, kLoad, header(0), 0x100);
    const auto file = builder.build();
    const auto state = load_bytes(file);
    ASSERT_TRUE(state.has_value()) << state.error().message();
    EXPECT_EQ(state->rip, kLoad + 12);
    EXPECT_FALSE(state->long_mode());
    try_all_cuts(file, 1);
  }
}

TEST_F(MultibootTest, RefusesUnknownDemands) {
  std::vector<std::byte> file = header(1u << 5);
  file.resize(512);
  EXPECT_NE(refusal(file).find("0x20"), std::string::npos);
}

TEST_F(MultibootTest, RefusesImpossibleAddresses) {
  EXPECT_NE(refusal(flat_kernel(kLoad + 0x101)).find("cut short"), std::string::npos);
  EXPECT_NE(refusal(flat_kernel(kLoad - 1)).find("load_end_addr"), std::string::npos);
  const auto file = flat_kernel(0);
  try_all_cuts(file, 1);
}

TEST_F(MultibootTest, WantsARightChecksum) {
  std::vector<std::byte> file = header(0);
  file[8] ^= std::byte{1};
  file.resize(512);
  EXPECT_FALSE(is_multiboot(file));
}

}  // namespace
}  // namespace orrery::machine::boot
