// What the engine does about the guest's paging beyond the plain algorithm, each to be switched off
// so that its effect can be measured.
#pragma once

namespace orrery::hypervisor::soft {

struct PagingOptions {
  // The TLB's entries of an address space outlive a switch to another one and back, as the
  // processor's do (SDM vol. 3A, 4.10.1).
  bool tags = true;
  // A miss brings in neighbours from the same line of the page table.
  bool batches = true;
  // A page that is marked dirty already is mapped for writing when it is read.
  bool lazy_dirty = true;
  // When code is found in a page, only those vCPUs are interrupted that may have the page mapped
  // for writing.
  bool directed = true;
};

}  // namespace orrery::hypervisor::soft
