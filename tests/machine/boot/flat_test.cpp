// Boot sectors.
#include "machine/boot/flat.hpp"

#include "machine/boot/boot_fixture.hpp"

namespace orrery::machine::boot {
namespace {

TEST_F(BootTest, StartsABootSectorInRealMode) {
  std::vector<std::byte> sector(512, std::byte{0xf4});
  sector[510] = std::byte{0x55};
  sector[511] = std::byte{0xaa};
  const auto state = load_bytes(sector);
  ASSERT_TRUE(state.has_value()) << state.error().message();
  EXPECT_FALSE(state->protected_mode());
  EXPECT_EQ((*state)[x86::SegmentRegister::kCs].base + state->rip, 0x7c00u);
  EXPECT_EQ((*state)[x86::Gpr::kRdx], 0x80u);
  EXPECT_EQ(peek<std::uint16_t>(0x7dfe), 0xaa55);
}

TEST_F(BootTest, RefusesWhatIsNoKernel) {
  const std::vector<std::byte> nothing(4096);
  EXPECT_NE(refusal(nothing).find("not a kernel"), std::string::npos);
  EXPECT_NE(refusal({}).find("kernel.img"), std::string::npos);
}

}  // namespace
}  // namespace orrery::machine::boot
