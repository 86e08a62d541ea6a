// The lockstep run finds nothing in code that is right, and something in code that is not.
#include "hypervisor/soft/translate/lockstep.hpp"

#include <cstdint>
#include <span>
#include <string_view>

#include <gtest/gtest.h>

#include "hypervisor/soft/translate/lockstep_report.hpp"
#include "hypervisor/soft/translate/options.hpp"
#include "long_mode.hpp"
#include "translated.hpp"

namespace orrery::hypervisor::soft::translate {
namespace {

// Runs CODE with ECX = 20 and expects no difference in at least LEAST instructions.
x86::CpuState expect_agreement(ByteSpan code, std::uint64_t least) {
  BareMachine machine;
  EXPECT_TRUE(machine.cpu().use_translator({.lockstep = true}));
  put_tables(machine);
  machine.load(kCode, code);
  x86::CpuState state = long_mode();
  state.cr4 |= x86::cr4::kFxsave;
  state[x86::Gpr::kRcx] = 20;
  machine.cpu().import_state(state);
  machine.run();
  EXPECT_EQ(counted(machine.cpu(), "differences"), 0u);
  EXPECT_GE(counted(machine.cpu(), "instructions in them"), least);
  return machine.cpu().export_state();
}

TEST(Lockstep, AgreesOnMemoryFlagsStringsAndVectors) {
  constexpr std::uint8_t kProgram[] = {
      0x50,                                            // 0: push rax
      0x9c,                                            // pushf
      0x48, 0x01, 0x04, 0x25, 0x00, 0xd0, 0x00, 0x00,  // add [0xd000], rax
      0x48, 0xff, 0xc0,                                // inc rax
      0x5a, 0x5b,                                      // pop rdx; pop rbx
      0x51,                                            // push rcx
      0xbf, 0xf0, 0xdf, 0x00, 0x00,                    // mov edi, 0xdff0: over the page's end
      0xb9, 0x40, 0x00, 0x00, 0x00,                    // mov ecx, 64
      0xf3, 0xaa,                                      // rep stosb
      0x59,                                            // pop rcx
      0x66, 0x0f, 0x6e, 0xc0,                          // movd xmm0, eax
      0x66, 0x0f, 0xfe, 0xc0,                          // paddd xmm0, xmm0
      0xd9, 0xe8, 0xdd, 0xd8,                          // fld1; fstp st0
      0xff, 0xc9, 0x75, 0xd3,                          // dec ecx; jnz 0
      0xf4};
  const x86::CpuState after = expect_agreement(std::as_bytes(std::span(kProgram)), 20 * 12);
  EXPECT_EQ(after[x86::Gpr::kRax], 20u);
  EXPECT_EQ(after.vectors[0][0], 40u);
}

TEST(Lockstep, AgreesOnAFaultInTheMiddle) {
  constexpr std::uint8_t kProgram[] = {0x48, 0xff, 0xc0,  // inc rax
                                       0x50,              // push rax
                                       0x48, 0x01, 0x04, 0x25,
                                       0x00, 0x00, 0x02, 0x00,  // add [0x20000], rax
                                       0xf4};
  const x86::CpuState after = expect_agreement(std::as_bytes(std::span(kProgram)), 2);
  EXPECT_EQ(after.cr2, 0x2'0000u);
  EXPECT_EQ(after.rip, kHandler + 1);
}

// As a call through a table in memory does it on a new page of the stack.
TEST(Lockstep, AgreesOnAFaultBehindARead) {
  constexpr std::uint8_t kProgram[] = {0xbc, 0x00, 0x00, 0x02, 0x00,  // mov esp, 0x20000
                                       0x48, 0xff, 0xc0,              // inc rax
                                       0xff, 0x34, 0x25, 0x00, 0x80,
                                       0x00, 0x00, 0xf4};  // push [0x8000]
  expect_agreement(std::as_bytes(std::span(kProgram)), 2);
}

// Two times INC RAX, of which "the block" has made ADDED.
std::uint64_t differences_where_a_block_adds(std::uint64_t added) {
  constexpr std::uint8_t kProgram[] = {0x48, 0xff, 0xc0, 0x48, 0xff, 0xc0};
  BareMachine machine;
  put_tables(machine);
  machine.load(kCode, std::as_bytes(std::span(kProgram)));
  x86::CpuState state = long_mode();
  machine.cpu().import_state(state);
  Lockstep lockstep(machine.cpu());
  lockstep.begin_block();
  state[x86::Gpr::kRax] += added;
  state.rip += sizeof kProgram;
  machine.cpu().import_state(state);
  lockstep.check_block(2, Lockstep::End::kTransferred, nullptr);
  EXPECT_EQ(machine.cpu().export_state()[x86::Gpr::kRax], added) << "the block's outcome stays";
  return lockstep.differences();
}

TEST(Lockstep, FindsAWrongRegister) {
  EXPECT_EQ(differences_where_a_block_adds(2), 0u);
  EXPECT_EQ(differences_where_a_block_adds(3), 1u);
}

TEST(AccessLog, GivesBackWhatWasAccessedInOrder) {
  AccessLog log;
  log.note(Access::kRead, 0x1000, "abcd", 4);
  log.note(Access::kWrite, 0x2000, "e", 1);
  char bytes[5] = {};
  EXPECT_FALSE(log.take(Access::kWrite, 0x1000, bytes, 1));
  EXPECT_FALSE(log.take(Access::kRead, 0x1001, bytes, 1));
  EXPECT_TRUE(log.take(Access::kRead, 0x1000, bytes, 2));
  EXPECT_TRUE(log.take(Access::kRead, 0x1002, bytes + 2, 2));
  EXPECT_FALSE(log.take(Access::kWrite, 0x2000, bytes + 4, 2));
  EXPECT_TRUE(log.take(Access::kWrite, 0x2000, bytes + 4, 1));
  EXPECT_TRUE(log.at_end());
  EXPECT_EQ(std::string_view(bytes, 5), "abcde");
}

TEST(LockstepReport, NamesWhatDiffers) {
  x86::CpuState translated;
  x86::CpuState interpreted;
  interpreted.interrupt_shadow = true;
  interpreted.rflags |= x86::rflags::kCarry;
  EXPECT_EQ(differences_of(translated, interpreted), "");
  interpreted[x86::Gpr::kRbx] = 5;
  interpreted.mxcsr |= 1;
  EXPECT_EQ(differences_of(translated, interpreted),
            "rbx is 0x0 by the translator, 0x5 by the interpreter, mxcsr is 0x1f80 by the "
            "translator, 0x1f81 by the interpreter");
}

}  // namespace
}  // namespace orrery::hypervisor::soft::translate
