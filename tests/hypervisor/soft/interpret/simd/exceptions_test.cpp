// When vector and x87 instructions may run, and how their exceptions are reported (SDM vol. 1, 8.6,
// 8.7, 11.5; vol. 2A, table 2-21).
#include "hypervisor/soft/interpret/simd/small_machine.hpp"

namespace orrery::hypervisor::soft::test {
namespace {

using x86::Exception;

#define ADDPS 0x0f, 0x58, 0xc1        // xmm0, xmm1
#define DIVPD 0x66, 0x0f, 0x5e, 0xc1  // xmm0, xmm1
#define MOVAPS 0x0f, 0x28, 0x07       // xmm0, [rdi]
#define ADD_RDI_8 0x48, 0x83, 0xc7, 0x08
#define FLD1 0xd9, 0xe8
#define FLDZ 0xd9, 0xee
#define FDIVP 0xde, 0xf9
#define FNSTSW_AX 0xdf, 0xe0
#define FWAIT 0x9b
#define EMMS 0x0f, 0x77
#define MOVQ_MM0_RAX 0x48, 0x0f, 0x6e, 0xc0

constexpr std::uint64_t kOne = 0x3ff0'0000'0000'0000;
constexpr std::uint32_t kZeroDivideMask = 0x200;

using Vectors = SmallMachine;
using X87 = SmallMachine;

TEST_F(Vectors, NeedTheSystemsLeave) {
  state.cr4 &= ~x86::cr4::kFxsave;
  EXPECT_EQ(run({ADDPS}), Exception::kInvalidOpcode);
  state.cr4 |= x86::cr4::kFxsave;
  state.cr0 |= x86::cr0::kEmulation;
  EXPECT_EQ(run({ADDPS}), Exception::kInvalidOpcode);
  EXPECT_EQ(run({EMMS}), Exception::kInvalidOpcode);
}

TEST_F(Vectors, AlignedOperandsMustBeAligned) {
  EXPECT_EQ(run({MOVAPS}), std::nullopt);
  EXPECT_EQ(run({ADD_RDI_8, MOVAPS}), Exception::kGeneralProtection);
}

TEST_F(Vectors, UnmaskedExceptionsLeaveTheDestinationAlone) {
  state.mxcsr = 0x1f80 & ~kZeroDivideMask;
  state.vectors[0] = {kOne, kOne, 7, 8};
  state.vectors[1] = {kOne, 0, 0, 0};
  EXPECT_EQ(run({DIVPD}), Exception::kSimdFloatingPoint);
  EXPECT_EQ(state.vectors[0], (x86::Vector{kOne, kOne, 7, 8}));
  EXPECT_EQ(state.mxcsr & 0x3f, 4u);
  state.cr4 &= ~x86::cr4::kSimdExceptions;
  EXPECT_EQ(run({DIVPD}), Exception::kInvalidOpcode);
}

TEST_F(Vectors, LegacyInstructionsKeepTheUpperLanes) {
  state.vectors[0] = {kOne, kOne, 7, 8};
  state.vectors[1] = {kOne, kOne, 0, 0};
  EXPECT_EQ(run({DIVPD}), std::nullopt);
  EXPECT_EQ(state.vectors[0], (x86::Vector{kOne, kOne, 7, 8}));
}

TEST_F(X87, UnmaskedExceptionsWaitForTheNextInstruction) {
  state.x87.control = 0x037f & ~4;  // divide by zero unmasked
  EXPECT_EQ(run({FLD1, FLDZ, FDIVP, FNSTSW_AX}), std::nullopt) << "FNSTSW does not wait";
  EXPECT_EQ(state[x86::Gpr::kRax] & 0x80ff, 0x8084u);
  EXPECT_EQ(run({FWAIT}), Exception::kX87FloatingPoint);
  EXPECT_EQ(run({FLD1}), Exception::kX87FloatingPoint);
  EXPECT_EQ(run({MOVQ_MM0_RAX}), Exception::kX87FloatingPoint);
  EXPECT_EQ(run({0xdb, 0xe2, FWAIT}), std::nullopt) << "FNCLEX ends it";
}

TEST_F(X87, WithoutNumericErrorNothingIsRaised) {
  state.cr0 &= ~x86::cr0::kNumericError;
  state.x87.control = 0x037f & ~4;
  EXPECT_EQ(run({FLD1, FLDZ, FDIVP, FWAIT}), std::nullopt);
}

TEST_F(X87, MmxTakesTheRegistersAndEmmsGivesThemBack) {
  state.x87.status = 5u << 11;
  state[x86::Gpr::kRax] = 0x0123'4567'89ab'cdef;
  EXPECT_EQ(run({MOVQ_MM0_RAX}), std::nullopt);
  EXPECT_EQ(state.x87.registers[0], (x86::Float80{0x0123'4567'89ab'cdef, 0xffff}));
  EXPECT_EQ(state.x87.valid, 0xff);
  EXPECT_EQ(state.x87.status, 0);
  EXPECT_EQ(run({EMMS}), std::nullopt);
  EXPECT_EQ(state.x87.valid, 0);
}

TEST_F(X87, EnvironmentHasItsLayouts) {
  EXPECT_EQ(run({FLD1, FLDZ, 0xd9, 0x37}), std::nullopt);  // FNSTENV [rdi]
  EXPECT_EQ(read<std::uint32_t>(0), 0xffff'037fu);
  EXPECT_EQ(read<std::uint32_t>(4), 0xffff'3000u);
  EXPECT_EQ(read<std::uint32_t>(8), 0xffff'1fffu) << "R6 zero, R7 valid, the others empty";
  EXPECT_EQ(read<std::uint32_t>(12), kCode + 2);
  EXPECT_EQ(read<std::uint32_t>(16) >> 16, 0x1eeu) << "FLDZ is D9 EE";
  EXPECT_EQ(run({0x66, 0xd9, 0x37}), std::nullopt);
  EXPECT_EQ(read<std::uint16_t>(4), 0x1fff);
  EXPECT_EQ(read<std::uint16_t>(6), kCode + 2);
}

TEST_F(X87, SaveInitializesAndRestoreBringsBack) {
  EXPECT_EQ(run({FLD1, FLDZ, 0xdd, 0x37}), std::nullopt);  // FNSAVE [rdi]
  EXPECT_EQ(state.x87.valid, 0);
  EXPECT_EQ(state.x87.control, 0x037f);
  EXPECT_EQ(run({0xdd, 0x27}), std::nullopt);  // FRSTOR [rdi]
  EXPECT_EQ(state.x87.valid, 0xc0);
  EXPECT_EQ(state.x87.status, 0x3000);
  EXPECT_EQ(state.x87.registers[7], (x86::Float80{0x8000'0000'0000'0000, 0x3fff}));
}

TEST_F(X87, DecimalRoundTrip) {
  put<std::uint64_t>(0, 0x3456'7890'1234'5678);
  put<std::uint16_t>(8, 0x8012);
  EXPECT_EQ(run({0xdf, 0x27, 0xdf, 0x77, 0x10}), std::nullopt);  // FBLD [rdi]; FBSTP [rdi+16]
  EXPECT_EQ(read<std::uint64_t>(16), 0x3456'7890'1234'5678u);
  EXPECT_EQ(read<std::uint16_t>(24), 0x8012);
}

}  // namespace
}  // namespace orrery::hypervisor::soft::test
