// What a lockstep run says of two outcomes that differ.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "hypervisor/soft/fault.hpp"
#include "x86/state.hpp"

namespace orrery::hypervisor::soft::translate {

// What INTERPRETED has otherwise than TRANSLATED: "rax is 0x1 and not 0x2, ..."; empty where
// nothing. Arithmetic flags, the x87 unit's last instruction and operand, and the interrupt shadow
// do not count.
std::string differences_of(x86::CpuState translated, x86::CpuState interpreted);

// Exception, error code and address.
std::string to_text(const Fault& fault);

std::string hexadecimal(const void* bytes, std::size_t size);

// The first instructions of CODE, which lies at RIP, each on a line of its own.
std::string listing(ByteSpan code, std::uint64_t rip);

}  // namespace orrery::hypervisor::soft::translate
