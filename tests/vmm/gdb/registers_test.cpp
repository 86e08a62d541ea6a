#include "vmm/gdb/registers.hpp"

#include <gtest/gtest.h>

namespace orrery::vmm::gdb {
namespace {

// Their numbers follow from their order (GDB manual, G.5.5).
constexpr std::size_t kRbx = 1;
constexpr std::size_t kRip = 16;
constexpr std::size_t kCs = 18;
constexpr std::size_t kSt0 = 24;
constexpr std::size_t kTags = 34;
constexpr std::size_t kXmm0 = 40;

TEST(Registers, HaveTheirOrderAndSizes) {
  x86::CpuState state = x86::reset_state();
  state[x86::Gpr::kRbx] = 0x1122'3344'5566'7788;
  state.vectors[0] = {1, 2, 3, 4};
  EXPECT_EQ(read_register(state, kRbx), "\x88\x77\x66\x55\x44\x33\x22\x11");
  EXPECT_EQ(read_register(state, kCs), std::string("\x00\xf0\x00\x00", 4));
  EXPECT_EQ(read_register(state, kSt0).size(), 10u);
  EXPECT_EQ(read_register(state, kXmm0), std::string("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16));
  std::size_t all = 0;
  for (std::size_t n = 0; n < register_count(); ++n) all += read_register(state, n).size();
  EXPECT_EQ(read_registers(state).size(), all);
}

TEST(Registers, ComeBackAsTheyWereWritten) {
  x86::CpuState state = x86::reset_state();
  x86::CpuState other;
  for (unsigned n = 0; n < x86::kGprs; ++n) state.gpr[n] = n * 0x0101'0101'0101u;
  state.x87.status = 3u << 11;
  state.x87.valid = 0x0f;
  state.x87.registers[5] = {0x8000'0000'0000'0000, 0x3fff};
  state.vectors[15] = {5, 6, 7, 8};
  state.cr3 = 0x1234'5000;
  other.segments = state.segments;
  ASSERT_TRUE(write_registers(other, read_registers(state)));
  EXPECT_TRUE(read_registers(other) == read_registers(state));
  EXPECT_EQ(other.x87.registers[5], state.x87.registers[5]);
  EXPECT_EQ(other.x87.valid, state.x87.valid);
  EXPECT_EQ(other.vectors, state.vectors);
}

TEST(Registers, St0IsTheTopOfTheStack) {
  x86::CpuState state;
  state.x87.status = 6u << 11;
  state.x87.registers[6] = {7, 8};
  EXPECT_EQ(read_register(state, kSt0).substr(0, 1), "\7");
  state.x87.valid = 1u << 6;
  EXPECT_EQ(read_register(state, kTags), std::string("\xff\xcf\0\0", 4));
}

TEST(Registers, SelectorsCannotBeChangedAlone) {
  x86::CpuState state = x86::reset_state();
  EXPECT_TRUE(write_register(state, kCs, std::string("\x00\xf0\x00\x00", 4)));
  EXPECT_FALSE(write_register(state, kCs, std::string("\x08\x00\x00\x00", 4)));
  EXPECT_FALSE(write_register(state, kRip, "four"));
}

TEST(Registers, TheDescriptionNamesThem) {
  for (const char* const name : {"rip", "eflags", "xmm15", "ymm0h", "fs_base", "cr3"}) {
    const std::string wanted = "<reg name=\"" + std::string(name) + "\"";
    EXPECT_NE(target_description().find(wanted), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace orrery::vmm::gdb
