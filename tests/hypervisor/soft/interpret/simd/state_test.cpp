// FXSAVE, XSAVE and their kin (SDM vol. 1, 10.5 and chapter 13).
#include "hypervisor/soft/interpret/simd/small_machine.hpp"

namespace orrery::hypervisor::soft::test {
namespace {

using x86::Exception;
using x86::Gpr;

#define FXSAVE64 0x48, 0x0f, 0xae, 0x07
#define FXRSTOR64 0x48, 0x0f, 0xae, 0x0f
#define XSAVE64 0x48, 0x0f, 0xae, 0x27
#define XRSTOR64 0x48, 0x0f, 0xae, 0x2f
#define XSAVEOPT64 0x48, 0x0f, 0xae, 0x37
#define XSAVEC64 0x48, 0x0f, 0xc7, 0x27

constexpr std::uint64_t kX87 = x86::xcr0::kX87;
constexpr std::uint64_t kSse = x86::xcr0::kSse;
constexpr std::uint64_t kStateBv = 512;       // XSTATE_BV
constexpr std::uint64_t kCompactionBv = 520;  // XCOMP_BV

class SavedState : public SmallMachine {
 protected:
  // Something recognizable in every register.
  void fill_registers() {
    state.x87.control = 0x0c7f;
    state.x87.status = 0x1800 | 0x4100;  // TOP = 3
    state.x87.valid = 0x5a;
    for (unsigned n = 0; n < 8; ++n) {
      state.x87.registers[n] = {0x8000'0000'0000'0000 + n, static_cast<std::uint16_t>(0x4000 + n)};
    }
    state.x87.last_opcode = 0x123;
    state.x87.last_instruction = 0x1234'5678'9abc;
    state.x87.last_operand = 0x2345'6789'abcd;
    state.mxcsr = 0x7f85;
    for (unsigned n = 0; n < 16; ++n) state.vectors[n] = {n + 1, ~std::uint64_t{n}, 0, 0};
  }
  void clear_registers() {
    state.x87 = {};
    state.mxcsr = 0x1f80;
    state.vectors = {};
  }
  void ask_for(std::uint64_t components) {
    state[Gpr::kRax] = components;
    state[Gpr::kRdx] = 0;
  }
};

TEST_F(SavedState, FxsaveWritesItsLayout) {
  fill_registers();
  fill_area(0xee);
  EXPECT_EQ(run({FXSAVE64}), std::nullopt);
  EXPECT_EQ(read<std::uint16_t>(0), 0x0c7f);
  EXPECT_EQ(read<std::uint16_t>(2), 0x5900);
  EXPECT_EQ(read<std::uint8_t>(4), 0x5a);
  EXPECT_EQ(read<std::uint16_t>(6), 0x123);
  EXPECT_EQ(read<std::uint64_t>(8), 0x1234'5678'9abcu);
  EXPECT_EQ(read<std::uint64_t>(16), 0x2345'6789'abcdu);
  EXPECT_EQ(read<std::uint32_t>(24), 0x7f85u);
  EXPECT_EQ(read<std::uint32_t>(28), 0xffffu);
  EXPECT_EQ(read<std::uint64_t>(32), 0x8000'0000'0000'0003u) << "ST(0) is R3";
  EXPECT_EQ(read<std::uint16_t>(40), 0x4003);
  EXPECT_EQ(read<std::uint64_t>(160 + 15 * 16), 16u);
  EXPECT_EQ(read<std::uint64_t>(464), 0xeeee'eeee'eeee'eeeeu) << "software's bytes stay";
}

TEST_F(SavedState, FxrstorBringsBackWhatFxsaveWrote) {
  fill_registers();
  const x86::X87 x87 = state.x87;
  const auto vectors = state.vectors;
  EXPECT_EQ(run({FXSAVE64}), std::nullopt);
  clear_registers();
  EXPECT_EQ(run({FXRSTOR64}), std::nullopt);
  EXPECT_EQ(state.x87.registers, x87.registers);
  EXPECT_EQ(state.x87.status, x87.status);
  EXPECT_EQ(state.x87.valid, x87.valid);
  EXPECT_EQ(state.x87.last_instruction, x87.last_instruction);
  EXPECT_EQ(state.vectors, vectors);
  EXPECT_EQ(state.mxcsr, 0x7f85u);
}

TEST_F(SavedState, The32BitFormKeepsHalfOfThePointers) {
  fill_registers();
  EXPECT_EQ(run({0x0f, 0xae, 0x07}), std::nullopt);
  EXPECT_EQ(read<std::uint64_t>(8), 0x5678'9abcu);
  EXPECT_EQ(read<std::uint64_t>(16), 0x6789'abcdu);
}

TEST_F(SavedState, ReservedMxcsrBitsFaultAndChangeNothing) {
  EXPECT_EQ(run({FXSAVE64}), std::nullopt);
  put<std::uint32_t>(24, 0x1'1f80);
  fill_registers();
  const auto vectors = state.vectors;
  EXPECT_EQ(run({FXRSTOR64}), Exception::kGeneralProtection);
  EXPECT_EQ(state.vectors, vectors);
  EXPECT_EQ(state.x87.valid, 0x5a);
}

TEST_F(SavedState, AreasMustBeAligned) {
  EXPECT_EQ(run({0x48, 0x83, 0xc7, 0x08, FXSAVE64}), Exception::kGeneralProtection);
  EXPECT_EQ(run({0x48, 0x83, 0xc7, 0x10, FXSAVE64}), std::nullopt);
  EXPECT_EQ(run({0x48, 0x83, 0xc7, 0x10, XSAVE64}), Exception::kGeneralProtection);
}

TEST_F(SavedState, TaskSwitchedMakesDeviceNotAvailable) {
  state.cr0 |= x86::cr0::kTaskSwitched;
  EXPECT_EQ(run({FXSAVE64}), Exception::kDeviceNotAvailable);
  EXPECT_EQ(run({XSAVE64}), Exception::kDeviceNotAvailable);
  EXPECT_EQ(run({0x0f, 0x58, 0xc1}), Exception::kDeviceNotAvailable);
  EXPECT_EQ(run({0xd9, 0xe8}), Exception::kDeviceNotAvailable);
  EXPECT_EQ(run({0x9b}), Exception::kDeviceNotAvailable);
}

TEST_F(SavedState, XsaveWithoutTheSystemsLeaveIsUndefined) {
  state.cr4 &= ~x86::cr4::kXsave;
  EXPECT_EQ(run({XSAVE64}), Exception::kInvalidOpcode);
}

TEST_F(SavedState, XsaveWritesOnlyWhatIsAskedForAndKeepsOtherBits) {
  fill_registers();
  fill_area(0);
  put<std::uint64_t>(kStateBv, kX87);
  ask_for(kSse);
  EXPECT_EQ(run({XSAVE64}), std::nullopt);
  EXPECT_EQ(read<std::uint64_t>(kStateBv), kX87 | kSse);
  EXPECT_EQ(read<std::uint16_t>(0), 0) << "the x87 part was not asked for";
  EXPECT_EQ(read<std::uint64_t>(160), 1u);
  EXPECT_EQ(read<std::uint32_t>(24), 0x7f85u);
}

TEST_F(SavedState, XsaveoptSkipsWhatIsInItsInitialState) {
  fill_area(0xee);
  put<std::uint64_t>(kStateBv, kX87 | kSse);
  clear_registers();
  ask_for(kX87 | kSse);
  EXPECT_EQ(run({XSAVEOPT64}), std::nullopt);
  EXPECT_EQ(read<std::uint64_t>(kStateBv), 0u);
  EXPECT_EQ(read<std::uint64_t>(160), 0xeeee'eeee'eeee'eeeeu);
}

TEST_F(SavedState, XrstorInitializesWhatTheAreaDoesNotHold) {
  fill_area(0);
  put<std::uint32_t>(24, 0x1f80);
  fill_registers();
  ask_for(kX87 | kSse);
  EXPECT_EQ(run({XRSTOR64}), std::nullopt);
  EXPECT_EQ(state.x87, x86::X87{});
  EXPECT_EQ(state.vectors, decltype(state.vectors){});
  EXPECT_EQ(state.mxcsr, 0x1f80u);
}

TEST_F(SavedState, XrstorBringsBackWhatXsavecWrote) {
  fill_registers();
  const x86::X87 x87 = state.x87;
  const auto vectors = state.vectors;
  fill_area(0);
  ask_for(kX87 | kSse);
  EXPECT_EQ(run({XSAVEC64}), std::nullopt);
  EXPECT_EQ(read<std::uint64_t>(kCompactionBv), (std::uint64_t{1} << 63) | kX87 | kSse);
  clear_registers();
  EXPECT_EQ(run({XRSTOR64}), std::nullopt);
  EXPECT_EQ(state.x87, x87);
  EXPECT_EQ(state.vectors, vectors);
  EXPECT_EQ(state.mxcsr, 0x7f85u);
}

// The area is as long as what is asked for; halves of YMM registers lie at 576.
TEST_F(SavedState, XsaveAndXrstorCarryTheUpperHalves) {
  constexpr std::uint64_t kAvx = x86::xcr0::kAvx;
  state.xcr0 = kX87 | kSse | kAvx;
  fill_registers();
  for (unsigned n = 0; n < 16; ++n) {
    state.vectors[n][2] = 0x2200 + n;
    state.vectors[n][3] = 0x3300 + n;
  }
  const auto vectors = state.vectors;
  for (const auto& save : {std::initializer_list<int>{XSAVE64}, {XSAVEOPT64}, {XSAVEC64}}) {
    fill_area(0);
    state.vectors = vectors;
    ask_for(kSse | kAvx);
    EXPECT_EQ(run(save), std::nullopt);
    EXPECT_EQ(read<std::uint64_t>(kStateBv), kSse | kAvx);
    EXPECT_EQ(read<std::uint64_t>(576 + 15 * 16), 0x220fu);
    EXPECT_EQ(read<std::uint64_t>(576 + 15 * 16 + 8), 0x330fu);
    EXPECT_EQ(read<std::uint64_t>(576 + 256), 0u);
    state.vectors = {};
    EXPECT_EQ(run({XRSTOR64}), std::nullopt);
    EXPECT_EQ(state.vectors, vectors);
  }
  ask_for(kAvx);
  put<std::uint64_t>(kStateBv, kSse);
  EXPECT_EQ(run({XRSTOR64}), std::nullopt);
  EXPECT_EQ(state.vectors[3], (x86::Vector{vectors[3][0], vectors[3][1], 0, 0}))
      << "AVX state to its initial values, SSE state not asked for";
}

TEST_F(SavedState, XsaveoptNotesThatTheUpperHalvesAreUnused) {
  state.xcr0 = kX87 | kSse | x86::xcr0::kAvx;
  fill_registers();
  fill_area(0xee);
  put<std::uint64_t>(kStateBv, kSse | x86::xcr0::kAvx);
  ask_for(kSse | x86::xcr0::kAvx);
  EXPECT_EQ(run({XSAVEOPT64}), std::nullopt);
  EXPECT_EQ(read<std::uint64_t>(kStateBv), kSse);
  EXPECT_EQ(read<std::uint64_t>(576), 0xeeee'eeee'eeee'eeeeu);
}

TEST_F(SavedState, XrstorRefusesBadHeaders) {
  fill_area(0);
  ask_for(kX87 | kSse);
  put<std::uint64_t>(kStateBv, std::uint64_t{1} << 5);
  EXPECT_EQ(run({XRSTOR64}), Exception::kGeneralProtection) << "a component that XCR0 lacks";
  put<std::uint64_t>(kStateBv, 0);
  put<std::uint64_t>(kCompactionBv, 1);
  EXPECT_EQ(run({XRSTOR64}), Exception::kGeneralProtection) << "reserved in the standard format";
  put<std::uint64_t>(kCompactionBv, (std::uint64_t{1} << 63) | kX87);
  put<std::uint64_t>(kStateBv, kSse);
  EXPECT_EQ(run({XRSTOR64}), Exception::kGeneralProtection) << "a component not in the area";
}

}  // namespace
}  // namespace orrery::hypervisor::soft::test
