// Guest memory by linear address, for a debugger: the page tables are read as they are, nothing is
// set in them, and privilege does not matter (SDM vol. 3A, chapter 4).
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "memory/guest_memory.hpp"
#include "x86/state.hpp"

namespace orrery::vmm::gdb {

// Nothing: the address is not mapped.
std::optional<GuestPhysical> translate(const x86::CpuState& state,
                                       const memory::GuestMemory& memory, GuestLinear address);

// How many bytes could be read: as far as pages are mapped to RAM or ROM. Devices are not read, for
// that may change them.
std::size_t read_linear(const x86::CpuState& state, const memory::GuestMemory& memory,
                        GuestLinear address, MutableByteSpan destination);

// Writes all, into ROM too, or nothing when a part is not mapped to RAM or ROM.
bool write_linear(const x86::CpuState& state, memory::GuestMemory& memory, GuestLinear address,
                  ByteSpan source);

}  // namespace orrery::vmm::gdb
