// The surroundings of a test in a virtual machine: page tables that map the sandbox as the host
// executor maps it, descriptor tables, and an IDT whose handlers halt, so that the address of the
// halt tells the vector.
//
//   guest-physical       linear
//   0x0000'1000 ..       page tables, GDT, IDT, TSS: identity-mapped, supervisor only
//   0x0000'c000          handlers: `out kEndPort, al; hlt` at kHandlers + 16 * vector,
//   identity-mapped 0x0000'f000          the handlers' stack (IST 1), identity-mapped 0x0020'0000
//   code and the exit page, at kCodeBase 0x0040'0000          data, at kDataBase
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.hpp"
#include "isa/executor.hpp"
#include "memory/guest_memory.hpp"
#include "x86/state.hpp"

namespace orrery::isa::vm {

inline constexpr std::uint8_t kEndPort = 0xf4;
inline constexpr std::uint64_t kHandlers = 0xc000;
inline constexpr std::uint64_t kHandlerDistance = 16;
inline constexpr std::uint64_t kHandlerStackTop = 0xfff0;
inline constexpr std::uint64_t kCodePhysical = 0x20'0000;
inline constexpr std::uint64_t kDataPhysical = 0x40'0000;
inline constexpr std::uint64_t kMemorySize = 0x60'0000;

Result<std::unique_ptr<memory::GuestMemory>> create_address_space();

// Writes the page tables, descriptors and handlers anew: a test in ring 0 may have changed them.
Result<> lay_out(memory::GuestMemory& memory);

// Long mode with everything that ring 3 needs switched on as a 64-bit Linux does, in MODE's code
// segment, interrupts masked by nobody. AVX: with its state enabled.
x86::CpuState starting_state(Mode mode, bool avx);

}  // namespace orrery::isa::vm
