// Where things lie in the guest of soft_engine.cpp, and the processor's state that it starts from:
// any mode, and in it whatever the input says and a processor can have.
#pragma once

#include <array>
#include <cstdint>

#include "base/assert.hpp"
#include "input.hpp"
#include "x86/control_registers.hpp"
#include "x86/state.hpp"

namespace orrery::fuzz {

inline constexpr std::uint64_t kMemory = 0x1'0000;
inline constexpr std::uint64_t kGdt = 0x1000;
inline constexpr std::uint64_t kIdt = 0x2000;
inline constexpr std::uint64_t kTss = 0x3000;
inline constexpr std::uint64_t kPml4 = 0x4000;
inline constexpr std::uint64_t kPdpt = 0x5000;
inline constexpr std::uint64_t kDirectory = 0x6000;
inline constexpr std::uint64_t kCode = 0x8000;
inline constexpr std::uint64_t kStack = 0xc000;
inline constexpr std::uint16_t kGdtLimit = 0xff;

// The table that every input starts from, and may change: bits 3 to 15 of a selector are an index.
enum Selector : std::uint16_t {
  kCode32 = 0x08,
  kData = 0x10,
  kUserCode32 = 0x1b,
  kUserData = 0x23,
  kTask = 0x28,
  kCode64 = 0x38,
  kUserCode64 = 0x43,
  kLdt = 0x68,
  kCode16 = 0x78,
};
inline constexpr std::array<std::uint64_t, 16> kDescriptors = {
    0,
    0x00cf'9a00'0000'ffff,  // 08 code, level 0
    0x00cf'9200'0000'ffff,  // 10 data
    0x00cf'fa00'0000'ffff,  // 18 code, level 3
    0x00cf'f200'0000'ffff,  // 20 data
    0x0000'8900'3000'0100,  // 28 TSS (30: its second half)
    0,
    0x00af'9a00'0000'ffff,  // 38 64-bit code, level 0
    0x00af'fa00'0000'ffff,  // 40 64-bit code, level 3
    0x0000'ec00'0008'8100,  // 48 call gate (50: its second half)
    0,
    0x0000'8500'0028'0000,  // 58 task gate
    0x0000'8900'3800'0067,  // 60 another TSS
    0x0000'8200'1000'00ff,  // 68 LDT: the GDT itself
    0,
    0x0000'9a00'0000'ffff,  // 78 16-bit code
};

enum class Mode : std::uint8_t {
  kReal,
  kProtected16,
  kProtected32,
  kVirtual8086,
  kPaged32,
  kPae,
  kCompatibility,
  kLong
};

inline x86::Segment segment(std::uint16_t selector, unsigned attributes,
                            std::uint32_t limit = 0xffff'ffff) {
  return {.selector = selector,
          .attributes = x86::SegmentAttributes(static_cast<std::uint16_t>(attributes)),
          .limit = limit,
          .base = 0};
}

inline void choose_registers(Input& input, x86::CpuState& state) {
  for (std::uint64_t& gpr : state.gpr) {
    const auto raw = input.take<std::uint16_t>();
    gpr = raw % 3 == 0 ? raw & 0x7f : raw % 3 == 1 ? raw : input.take<std::uint64_t>();
  }
  state[x86::Gpr::kRsp] = kStack - input.take<std::uint8_t>();
  state.rip = kCode;
  state.rflags =
      (input.take<std::uint32_t>() & x86::rflags::kDefined & ~x86::rflags::kVirtual8086) |
      x86::rflags::kAlwaysOne;
  state.dr7 = input.take<std::uint16_t>() | x86::dr7::kReset;
  for (auto& address : state.breakpoint_address) address = kCode + input.take<std::uint8_t>();
  state.mxcsr = input.take<std::uint16_t>();
  constexpr std::uint16_t kControlBits = 0x1f3f;  // bit 6 is set, the others are reserved
  state.x87.control = (input.take<std::uint16_t>() & kControlBits) | 0x40;
  state.x87.status = input.take<std::uint16_t>() & 0x7f7f;
  state.x87.valid = input.take<std::uint8_t>();
  state.interrupt_shadow = (input.take<std::uint8_t>() & 1) != 0;
}

inline void choose_control_registers(Input& input, x86::CpuState& state) {
  using namespace x86::cr4;
  constexpr std::uint64_t kChoice = kVirtual8086Extensions | kProtectedVirtualInterrupts |
                                    kTimeStampDisable | kDebuggingExtensions | kPageSizeExtensions |
                                    kPageGlobalEnable | kFxsave | kSimdExceptions |
                                    kUserInstructionPrevention | kFsGsBase | kXsave |
                                    kSupervisorExecutionPrevention | kSupervisorAccessPrevention;
  using namespace x86::cr0;
  state.cr4 = input.take<std::uint32_t>() & kChoice;
  state.cr0 =
      kExtensionType | (input.take<std::uint32_t>() &
                        (kNumericError | kWriteProtect | kAlignmentMask | kMonitorCoprocessor));
  if ((input.take<std::uint8_t>() & 0xf) == 0) state.cr0 |= kTaskSwitched;
}

inline void set_segments(Mode mode, bool user, x86::CpuState& state) {
  using enum x86::SegmentRegister;
  if (mode == Mode::kReal || mode == Mode::kVirtual8086) {
    const unsigned attributes = mode == Mode::kReal ? 0x93 : 0xf3;
    for (x86::Segment& each : state.segments) each = segment(0, attributes, 0xffff);
    return;
  }
  const unsigned level = user ? 0x60 : 0;
  const x86::Segment data = segment(user ? kUserData : kData, 0xc093 | level);
  for (const auto name : {kDs, kEs, kSs, kFs, kGs}) state[name] = data;
  if (mode == Mode::kLong) {
    state[kCs] = segment(user ? kUserCode64 : kCode64, 0xa09b | level);
  } else if (mode == Mode::kProtected16 && !user) {
    state[kCs] = segment(kCode16, 0x009b, 0xffff);
  } else {
    const unsigned attributes = mode == Mode::kProtected16 ? 0x009b : 0xc09b;
    state[kCs] = segment(user ? kUserCode32 : kCode32, attributes | level);
  }
}

inline void set_paging(Mode mode, x86::CpuState& state) {
  using namespace x86;
  const bool long_mode = mode == Mode::kCompatibility || mode == Mode::kLong;
  if (mode == Mode::kPaged32) {
    state.cr4 |= cr4::kPageSizeExtensions;
    state.cr3 = kDirectory;  // its entry is a page of 4 MiB
  } else if (mode == Mode::kPae || long_mode) {
    state.cr4 |= cr4::kPhysicalAddressExtension;
    state.cr3 = long_mode ? kPml4 : kPdpt;
  } else {
    return;
  }
  state.cr0 |= cr0::kPaging;
  if (long_mode) {
    state.efer =
        efer::kLongModeEnable | efer::kLongModeActive | efer::kSystemCall | efer::kNoExecute;
  }
}

inline x86::CpuState start_state(Mode mode, Input& input) {
  x86::CpuState state = x86::reset_state();
  const bool user = (input.take<std::uint8_t>() & 1) != 0;
  choose_registers(input, state);
  choose_control_registers(input, state);
  state.gdtr = {.base = kGdt, .limit = kGdtLimit};
  state.idtr = {.base = mode == Mode::kReal ? 0 : kIdt, .limit = 0x7ff};
  state.ldtr = {kLdt, x86::SegmentAttributes(0x82), kGdtLimit, kGdt};
  state.tr = {kTask, x86::SegmentAttributes(0x8b), 0x100, kTss};
  state.xcr0 = x86::xcr0::kX87 | x86::xcr0::kSse;
  if (mode != Mode::kReal) state.cr0 |= x86::cr0::kProtectionEnable;
  if (mode == Mode::kVirtual8086) state.rflags |= x86::rflags::kVirtual8086;
  set_segments(mode, user, state);
  set_paging(mode, state);
  return state;
}

// What no sequence of instructions may bring about.
inline void check(const x86::CpuState& state) {
  const bool paging = (state.cr0 & x86::cr0::kPaging) != 0;
  const bool long_enabled = (state.efer & x86::efer::kLongModeEnable) != 0;
  ORRERY_ASSERT(state.long_mode() == (paging && long_enabled));
  ORRERY_ASSERT(!paging || state.protected_mode());
  ORRERY_ASSERT(!state.long_mode() || !state.virtual_8086());
  ORRERY_ASSERT(!state.long_mode() || (state.cr4 & x86::cr4::kPhysicalAddressExtension) != 0);
  ORRERY_ASSERT((state.rflags & ~x86::rflags::kDefined & ~x86::rflags::kAlwaysOne) == 0);
  if (!state.protected_mode() || state.virtual_8086()) return;
  const x86::Segment& code = state[x86::SegmentRegister::kCs];
  ORRERY_ASSERT(!code.attributes.is_present() || (code.selector & 3) == state.cpl() ||
                state.cpl() == 0);
}

}  // namespace orrery::fuzz
