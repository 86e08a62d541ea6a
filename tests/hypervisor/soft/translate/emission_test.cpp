// Code that is emitted beside the vCPU, or by it, and what happens meanwhile: the guest changes its
// code, and the code cache is full.
#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "hypervisor/soft/translate/options.hpp"
#include "long_mode.hpp"
#include "translated.hpp"

namespace orrery::hypervisor::soft {
namespace {

using translate::Options;

// Whether the emitter has a thread of its own.
class Emission : public testing::TestWithParam<bool> {
 protected:
  static Options options() { return {.hot_after = 0, .beside = GetParam()}; }
  static std::uint64_t rax_after(BareMachine& machine, const x86::CpuState& begin) {
    machine.cpu().import_state(begin);
    machine.run();
    return machine.cpu().export_state()[x86::Gpr::kRax];
  }
};

constexpr std::uint64_t kFunction = 0xa000;  // in a page of its own

TEST_P(Emission, ExecutesWhatTheGuestHasWrittenLast) {
  constexpr std::uint8_t kAdd[] = {0x48, 0x83, 0xc0, 0, 0xc3};  // add rax, 0; ret
  constexpr std::uint8_t kCaller[] = {
      0x88, 0x1d, 0xfd, 0x1f, 0,    0,  // mov [kFunction + 3], bl
      0xb9, 20,   0,    0,    0,        // mov ecx, 20
      0xe8, 0xf0, 0x1f, 0,    0,        // call kFunction
      0xff, 0xc9, 0x75, 0xf7,           // dec ecx; jnz to the call
      0x48, 0xff, 0xcb, 0x75, 0xe7,     // dec rbx; jnz to the beginning
      0xf4};                            // hlt
  constexpr std::uint64_t kRounds = 60;
  for (unsigned time = 0; time < 20; ++time) {
    BareMachine machine;
    ASSERT_TRUE(machine.cpu().use_translator(options()));
    put_tables(machine);
    machine.load(kCode, std::as_bytes(std::span(kCaller)));
    machine.load(kFunction, std::as_bytes(std::span(kAdd)));
    x86::CpuState state = long_mode();
    state[x86::Gpr::kRax] = 0;
    state[x86::Gpr::kRbx] = kRounds;
    ASSERT_EQ(rax_after(machine, state), 20 * kRounds * (kRounds + 1) / 2);
  }
}

// Four pages of blocks of two instructions, each behind the one that it jumps to, so that none is
// made part of another: ADD RAX, RDI; JMP back. The lowest returns.
std::vector<std::uint8_t> chain_of_blocks(std::size_t count) {
  std::vector<std::uint8_t> code;
  for (std::size_t n = 0; n < count; ++n) {
    code.insert(code.end(), {0x48, 0x01, 0xf8, 0xeb, 0xf6});
  }
  code[3] = 0xc3;
  return code;
}

TEST_P(Emission, GoesOnWithAFullCache) {
  constexpr std::uint64_t kChain = 0xc000;
  constexpr std::size_t kBlocks = 4 * kPageSize / 5;
  constexpr std::uint64_t kLast = kChain + 5 * (kBlocks - 1);
  constexpr std::uint64_t kRounds = 200;
  constexpr auto kDistance = static_cast<std::uint32_t>(kLast - (kCode + 5));
  constexpr std::uint8_t kCaller[] = {
      0xe8, kDistance & 0xff, kDistance >> 8, 0, 0, 0xff, 0xc9, 0x75, 0xf7, 0xf4};
  BareMachine machine;
  Options small = options();
  small.cache_bytes = std::size_t{192} << 10;
  ASSERT_TRUE(machine.cpu().use_translator(small));
  put_tables(machine);
  machine.load(kCode, std::as_bytes(std::span(kCaller)));
  const std::vector<std::uint8_t> chain = chain_of_blocks(kBlocks);
  machine.load(kChain, std::as_bytes(std::span(chain)));
  x86::CpuState state = long_mode();
  state[x86::Gpr::kRax] = 0;
  state[x86::Gpr::kRdi] = 3;
  state[x86::Gpr::kRcx] = kRounds;
  EXPECT_EQ(rax_after(machine, state), 3 * kBlocks * kRounds);
  EXPECT_GE(counted(machine.cpu(), "code cache cleared"), 1u);
}

INSTANTIATE_TEST_SUITE_P(All, Emission, testing::Bool(),
                         [](const auto& test) { return test.param ? "Beside" : "Inline"; });

}  // namespace
}  // namespace orrery::hypervisor::soft
