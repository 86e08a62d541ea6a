// Instructions that follow each other and access memory close by through one base register, so that
// one look at the TLB does for all of them: what a function saves and restores, the fields of a
// structure, locals.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hypervisor/soft/translate/plan/item.hpp"

namespace orrery::hypervisor::soft::translate {

struct AccessRun {
  // What becomes of an instruction. Distances are from the base register's value before the run.
  struct Step {
    const Item* item;
    bool accesses;
    std::int32_t distance;  // of its memory operand
    std::int32_t moved;     // by which RSP has moved after it, through pushes and pops
  };

  std::vector<Step> steps;
  unsigned base = 0;        // the guest's register
  std::int32_t lowest = 0;  // of all distances; a multiple of 16 from an aligned operand's
  std::int32_t end = 0;     // one past the last byte accessed
  bool writes = false;
  bool aligned = false;  // an operand must be aligned to 16 bytes
  // The last step leaves the block: a direct call or a return.
  bool leaves() const;

  std::uint32_t size() const { return static_cast<std::uint32_t>(end - lowest); }
};

// The longest run that ITEMS begin with; no steps where there are not two accesses in it. VECTORS
// says which vector registers are known to be the guest's.
AccessRun find_access_run(std::span<const Item> items, Vectors vectors, HostRegisters registers);

}  // namespace orrery::hypervisor::soft::translate
