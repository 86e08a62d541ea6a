// Returns to the same or a less privileged level: what RET far and IRET share (SDM vol. 2, RET and
// IRET; vol. 3A, 5.8.6).
#pragma once

#include "hypervisor/soft/decode/table.hpp"
#include "hypervisor/soft/interpret/system/segments/code_segment.hpp"
#include "hypervisor/soft/interpret/system/transfer/pending_stack.hpp"

namespace orrery::hypervisor::soft {

// Checks a CS that was popped from the stack; its RPL is the privilege level to return to.
x86::Segment checked_return_code(Cpu& cpu, x86::SegmentSelector selector);

// Checks an SS that was popped, for privilege level CPL; null is allowed for 64-bit code below
// level 3.
x86::Segment checked_return_stack(Cpu& cpu, x86::SegmentSelector selector, unsigned cpl,
                                  bool code_64bit);

// Commits a return that changes stacks. Only as many bits of RSP change as the new stack uses; data
// segments that the outer level may not use become null.
void return_to_stack(Cpu& cpu, const x86::Segment& code, std::uint64_t rip,
                     const x86::Segment& stack, std::uint64_t pointer);

bool select_far_return(const Decoded& decoded, Instruction& record);

}  // namespace orrery::hypervisor::soft
