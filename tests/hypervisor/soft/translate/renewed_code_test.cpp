// Jumps that were linked to code which has been changed since lead to what it is now.
#include <cstdint>

#include <gtest/gtest.h>

#include "hypervisor/soft/translate/options.hpp"
#include "long_mode.hpp"
#include "translated.hpp"

namespace orrery::hypervisor::soft {
namespace {

constexpr std::uint64_t kFunction = 0xa000;  // in a page of its own
constexpr std::uint64_t kCalls = 100;

// CALL kFunction, DEC ECX, JNZ back, HLT.
constexpr std::uint8_t kCaller[] = {0xe8, 0xfb, 0x1f, 0, 0, 0xff, 0xc9, 0x75, 0xf7, 0xf4};
constexpr std::uint8_t kAddOne[] = {0x48, 0xff, 0xc0, 0xc3};        // inc rax; ret
constexpr std::uint8_t kAddTwo[] = {0x48, 0x83, 0xc0, 0x02, 0xc3};  // add rax, 2; ret

TEST(RenewedCode, IsCalledWithoutTheEngine) {
  BareMachine machine;
  ASSERT_TRUE(machine.cpu().use_translator({.hot_after = 0}));
  put_tables(machine);
  machine.load(kCode, std::as_bytes(std::span(kCaller)));
  machine.load(kFunction, std::as_bytes(std::span(kAddOne)));
  const auto sum = [&] {
    x86::CpuState state = long_mode();
    state[x86::Gpr::kRcx] = kCalls;
    machine.cpu().import_state(state);
    machine.run();
    return machine.cpu().export_state()[x86::Gpr::kRax];
  };
  EXPECT_EQ(sum(), kCalls);
  machine.load(kFunction, std::as_bytes(std::span(kAddTwo)));
  const std::uint64_t before = counted(machine.cpu(), "entries that refused");
  EXPECT_EQ(sum(), 2 * kCalls);
  EXPECT_LT(counted(machine.cpu(), "entries that refused") - before, kCalls / 10);
  EXPECT_GE(counted(machine.cpu(), "entries renewed"), 1u);
}

}  // namespace
}  // namespace orrery::hypervisor::soft
