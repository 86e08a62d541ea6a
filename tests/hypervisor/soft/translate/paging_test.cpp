// Translated code that leads to a page that is not present, or changes how its own page is mapped.
#include <array>
#include <cstdint>
#include <span>

#include <gtest/gtest.h>

#include "hypervisor/soft/translate/options.hpp"
#include "long_mode.hpp"

namespace orrery::hypervisor::soft {
namespace {

// Executes CODE with TARGET in RDX and on the stack, and expects #PF at TARGET.
void expect_page_fault_at(std::uint64_t target, ByteSpan code) {
  BareMachine machine;
  ASSERT_TRUE(machine.cpu().use_translator({.hot_after = 0, .exact_flags = true}));
  put_tables(machine);
  machine.load(kCode, code);
  machine.store(kStack, target);
  x86::CpuState state = long_mode();
  state[x86::Gpr::kRdx] = target;
  machine.cpu().import_state(state);
  machine.run();
  const x86::CpuState after = machine.cpu().export_state();
  EXPECT_EQ(after.rip, kHandler + 1);
  EXPECT_EQ(after.cr2, target);
  // The handler's frame lies on a stack that was aligned to 16: error code, then RIP.
  EXPECT_EQ(machine.load_word(after[x86::Gpr::kRsp] + 8), target);
}

constexpr std::array<std::uint8_t, 3> kJump = {0x90, 0xff, 0xe2};  // jmp rdx
constexpr std::array<std::uint8_t, 2> kReturn = {0x90, 0xc3};      // ret

// A table of known targets must not take 0 for an empty entry.
TEST(TranslatedFetchFault, LeadsToAddressZero) {
  expect_page_fault_at(0, std::as_bytes(std::span(kJump)));
  expect_page_fault_at(0, std::as_bytes(std::span(kReturn)));
}

TEST(TranslatedFetchFault, NamesTheTargetNotItsPage) {
  expect_page_fault_at(0x123, std::as_bytes(std::span(kJump)));
  expect_page_fault_at(0x123, std::as_bytes(std::span(kReturn)));
}

// What page 4, a page table with code behind the entries, makes of itself.
void expect_to_go_on(BareMachine& machine, ByteSpan code) {
  constexpr std::uint64_t kCodeInTable = kTable + 0x800;
  put_tables(machine);
  machine.load(kCodeInTable, code);
  x86::CpuState state = long_mode();
  state.rip = kCodeInTable;
  state[x86::Gpr::kRdx] = kTable + (kTable >> kPageShift) * 8;
  machine.cpu().import_state(state);
  machine.run();
  EXPECT_EQ(machine.cpu().export_state().rip, kCodeInTable + code.size());
}

// A write to a watched page that takes away the page's own mapping has been made, and is not looked
// up again.
TEST(GuardedWrite, MayChangeItsOwnMapping) {
  constexpr std::array<std::uint8_t, 5> kLockAndHalt = {0xf0, 0x83, 0x22, 0, 0xf4};
  constexpr std::array<std::uint8_t, 7> kMoveAndHalt = {0xc7, 0x02, 0, 0, 0, 0, 0xf4};
  for (const ByteSpan code : {ByteSpan(std::as_bytes(std::span(kLockAndHalt))),
                              ByteSpan(std::as_bytes(std::span(kMoveAndHalt)))}) {
    BareMachine interpreted;
    expect_to_go_on(interpreted, code);
    BareMachine translated;
    ASSERT_TRUE(translated.cpu().use_translator({.hot_after = 0}));
    expect_to_go_on(translated, code);
  }
}

// An instruction over the end of a page may be another one when only the next page has changed:
// what the old one did not need, the new one may.
TEST(CrossingInstruction, KeepsTheFlagsForWhatItHasBecome) {
  constexpr std::uint64_t kLastByte = kHandler + kPageSize - 1;
  constexpr std::array<std::uint8_t, 4> kAdd = {0x48, 0x01, 0xd8, 0xf4};  // add rax, rbx
  BareMachine machine;
  ASSERT_TRUE(machine.cpu().use_translator({.hot_after = 0}));
  put_tables(machine);
  machine.load(kLastByte, std::as_bytes(std::span(kAdd)));
  x86::CpuState state = long_mode();
  state.rip = kLastByte;
  state[x86::Gpr::kRax] = state[x86::Gpr::kRbx] = 1;
  const auto sum = [&] {
    machine.cpu().import_state(state);
    machine.run();
    return machine.cpu().export_state()[x86::Gpr::kRax];
  };
  EXPECT_EQ(sum(), 2u);
  constexpr std::array<std::uint8_t, 1> kWithCarry = {0x11};  // adc
  machine.load(kLastByte + 1, std::as_bytes(std::span(kWithCarry)));
  EXPECT_EQ(sum(), 2u);
  state.rflags |= x86::rflags::kCarry;
  EXPECT_EQ(sum(), 3u);
}

}  // namespace
}  // namespace orrery::hypervisor::soft
