// What the trampoline (trampoline.S) and the signal handler share. It lies at a fixed address below
// 2 GiB, so that registers can be stored with an absolute address and none is needed for it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isa/snapshot.hpp"

namespace orrery::isa::host {

inline constexpr std::uint64_t kControlPage = 0x3000'0000;

struct ControlPage {
  Snapshot snapshot;             // loaded on the way in, stored on the way out
  std::uint64_t stack = 0;       // RSP of the harness while the test runs; 0: no test is running
  std::uint32_t far_target = 0;  // m16:32 for the way into 32-bit code
  std::uint16_t far_selector = 0;
  alignas(8) std::uint8_t has_avx = 0;  // the host has upper halves to load and store
};

// The offsets that trampoline.S names.
static_assert(offsetof(ControlPage, snapshot.gpr) == 0x200);
static_assert(offsetof(ControlPage, snapshot.rip) == 0x280);
static_assert(offsetof(ControlPage, snapshot.rflags) == 0x288);
static_assert(offsetof(ControlPage, snapshot.upper) == 0x290);
static_assert(offsetof(ControlPage, stack) == 0x390);
static_assert(offsetof(ControlPage, far_target) == 0x398);
static_assert(offsetof(ControlPage, has_avx) == 0x3a0);

}  // namespace orrery::isa::host
