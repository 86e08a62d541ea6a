// asmjit's assembler with the engine's operands: the vCPU's state behind GS, and the guest's
// registers where they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include <asmjit/x86.h>

#include "hypervisor/soft/translate/emit/host_registers.hpp"
#include "hypervisor/soft/translate/emit/layout.hpp"
#include "hypervisor/soft/translate/state.hpp"

namespace orrery::hypervisor::soft::translate {

namespace x = asmjit::x86;

// A field of State, relative to GS.
#define ORRERY_STATE_FIELD(layout, field) \
  ((layout).state +                       \
   static_cast<std::int32_t>(offsetof(::orrery::hypervisor::soft::translate::State, field)))

// The analyzer takes asmjit's change of an operand's bits for a use of garbage, and says so in
// asmjit's header, out of reach of NOLINT.
inline void behind_gs([[maybe_unused]] x::Mem& memory) {
#ifndef __clang_analyzer__
  memory.setSegment(x::gs);
#endif
}

// Memory of SIZE bytes at OFFSET from GS, or at OFFSET + INDEX.
inline x::Mem context(std::int32_t offset, std::uint32_t size = 8) {
  x::Mem memory = x::ptr_abs(static_cast<std::uint64_t>(offset), size);
  behind_gs(memory);
  return memory;
}
inline x::Mem context(const x::Gp& index, std::int32_t offset, std::uint32_t size = 8) {
  x::Mem memory = x::ptr(index, offset, size);
  behind_gs(memory);
  return memory;
}

inline constexpr x::Gpq kT0 = x::r10;
inline constexpr x::Gpq kT1 = x::r11;
inline constexpr x::Gpq kCounter = x::r14;
static_assert(kCountdown == 14);
static_assert(kFirstTemporary == 10 && kSecondTemporary == 11);

}  // namespace orrery::hypervisor::soft::translate
