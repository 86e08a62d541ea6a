// Instructions that follow each other and access memory close by through the same registers, so
// that one look at the TLB does for all of them: what a function saves and restores, the fields of
// a structure, locals, neighbours in an array. Two such places by turns are one run as well: what
// is compared with, or copied to, each other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hypervisor/soft/translate/plan/item.hpp"

namespace orrery::hypervisor::soft::translate {

// What the addresses of several operands have in common; with RIP nothing but that they are known.
struct Anchor {
  ZydisRegister base = ZYDIS_REGISTER_NONE;
  ZydisRegister index = ZYDIS_REGISTER_NONE;
  std::uint8_t scale = 1;  // of an index

  friend bool operator==(const Anchor&, const Anchor&) = default;
};

struct AccessRun {
  // Distances are from the anchor as it is before the run.
  struct Window {
    Anchor anchor;
    std::uint64_t origin = 0;  // of known addresses: what distances are from
    std::int32_t lowest = 0;   // of all distances; a multiple of 16 from an aligned operand's
    std::int32_t end = 0;      // one past the last byte accessed
    unsigned accesses = 0;
    bool writes = false;
    bool aligned = false;  // an operand must be aligned to 16 bytes

    std::uint32_t size() const { return static_cast<std::uint32_t>(end - lowest); }
  };

  static constexpr std::uint8_t kNoWindow = 0xff;

  // What becomes of an instruction.
  struct Step {
    const Item* item;
    std::uint8_t window;    // that its memory operand lies in, or kNoWindow
    std::int32_t distance;  // of that
    std::int32_t moved;     // by which RSP has moved after it, through pushes and pops

    bool accesses() const { return window != kNoWindow; }
  };

  std::vector<Step> steps;
  std::vector<Window> windows;  // one or two

  // The last step leaves the block: a direct call or a return.
  bool leaves() const;
};

// The longest run that ITEMS begin with; no steps where there are not two accesses in each of its
// windows. VECTORS says which vector registers are known to be the guest's.
AccessRun find_access_run(std::span<const Item> items, Vectors vectors, HostRegisters registers);

}  // namespace orrery::hypervisor::soft::translate
