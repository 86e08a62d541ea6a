// What translated code hands to the engine where it needs it: one record per place, alive as long
// as the code.
#pragma once

#include <cstdint>
#include <deque>

#include <Zydis/Zydis.h>

#include "hypervisor/soft/decode/instruction.hpp"

namespace orrery::hypervisor::soft::translate {

struct Page;

enum class AccessKind : std::uint8_t { kRead, kWrite, kReadWrite };

// A memory operand whose inline check failed.
struct AccessSite {
  std::uint32_t before;    // instructions of the block before this one
  std::uint64_t rip;       // of the instruction
  std::uint64_t next_rip;  // where it leads, unless it calls what State::scratch holds
  bool calls_scratch;
  const Page* page;
  std::uint16_t size;  // bytes
  AccessKind kind;
  bool aligned;  // #GP(0) unless the address is a multiple of `size`
  bool stack;    // a non-canonical address is #SS(0), not #GP(0)
  // The guest's flags are in State::saved_flags: when the check fails, and after the instruction.
  bool flags_saved;
  bool flags_saved_after = false;
};

// An instruction that the interpreter executes.
struct Callout {
  std::uint32_t before;  // instructions of the block before this one
  std::uint64_t rip;
  std::uint64_t next_rip;
  const Page* page;
  ZydisMnemonic mnemonic;
  bool uses_x87;        // or may do so: the unit's state has to be the interpreter's
  Instruction code[2];  // it, and one that returns
};

// The first instruction of a block that uses the x87 unit natively.
struct X87Site {
  std::uint32_t before;  // instructions of the block before this one
  std::uint64_t rip;
  ZydisMnemonic mnemonic;
  bool flags_saved;  // the guest's flags are in State::saved_flags
};

// A jump, call or return to an address that is looked up.
struct IndirectSite {
  std::uint64_t rip;
  std::int32_t stack_distance;  // by which RSP has moved: it moves back where the target faults
};

// The checking entry of a block.
struct EntrySite {
  const Page* page;
  std::uint32_t id;       // the page's, when the block was translated
  std::uint64_t checked;  // where it is
};

// A jump to a known address, which leads to the engine until it is linked.
struct LinkSite {
  std::uint64_t place;  // of the jump's distance; 0 until the code is in its place
  const Page* page;     // that the jump is in
  bool within_page;
};

// All that code refers to; lives as long as the code.
struct Sites {
  std::deque<AccessSite> accesses;
  std::deque<Callout> callouts;
  std::deque<X87Site> x87;
  std::deque<IndirectSite> indirects;
  std::deque<EntrySite> entries;
  std::deque<LinkSite> links;
};

}  // namespace orrery::hypervisor::soft::translate
