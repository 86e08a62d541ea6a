// A bare machine in 64-bit mode: page tables, an IDT and code in the lowest 64 KiB, of which page 0
// is not present. A page fault halts it.
#pragma once

#include <cstdint>

#include "../interpret/bare_machine.hpp"
#include "x86/control_registers.hpp"

namespace orrery::hypervisor::soft {

inline constexpr std::uint64_t kPml4 = 0x1000;
inline constexpr std::uint64_t kPdpt = 0x2000;
inline constexpr std::uint64_t kDirectory = 0x3000;
inline constexpr std::uint64_t kTable = 0x4000;
inline constexpr std::uint64_t kGdt = 0x5000;
inline constexpr std::uint64_t kIdt = 0x6000;
inline constexpr std::uint64_t kCode = 0x8000;
inline constexpr std::uint64_t kHandler = 0x9000;
inline constexpr std::uint64_t kStack = 0xb000;
inline constexpr std::uint16_t kCode64 = 0x08;
inline constexpr std::uint16_t kData = 0x10;

inline void put_tables(BareMachine& machine) {
  constexpr std::uint64_t kPresentWritable = 3;
  machine.store(kPml4, kPdpt | kPresentWritable);
  machine.store(kPdpt, kDirectory | kPresentWritable);
  machine.store(kDirectory, kTable | kPresentWritable);
  for (std::uint64_t page = 1; page < 16; ++page) {
    machine.store(kTable + page * 8, page << kPageShift | kPresentWritable);
  }
  machine.store(kGdt + kCode64, std::uint64_t{0x00af'9b00'0000'ffff});
  machine.store(kGdt + kData, std::uint64_t{0x00cf'9300'0000'ffff});
  constexpr std::uint64_t kPageFault = 14;
  machine.store(kIdt + kPageFault * 16,
                kHandler | std::uint64_t{kCode64} << 16 | std::uint64_t{0x8e} << 40);
  machine.store(kHandler, std::uint8_t{0xf4});
}

inline x86::CpuState long_mode() {
  x86::CpuState state = x86::reset_state();
  state.cr0 |= x86::cr0::kProtectionEnable | x86::cr0::kPaging;
  state.cr3 = kPml4;
  state.cr4 |= x86::cr4::kPhysicalAddressExtension;
  state.efer = x86::efer::kLongModeEnable | x86::efer::kLongModeActive;
  for (x86::Segment& each : state.segments) {
    each = {kData, x86::SegmentAttributes(0xc093), 0xffff'ffff, 0};
  }
  state[x86::SegmentRegister::kCs] = {kCode64, x86::SegmentAttributes(0xa09b), 0xffff'ffff, 0};
  state.gdtr = {.base = kGdt, .limit = 0x17};
  state.idtr = {.base = kIdt, .limit = 0xfff};
  state.rip = kCode;
  state[x86::Gpr::kRsp] = kStack;
  return state;
}

}  // namespace orrery::hypervisor::soft
