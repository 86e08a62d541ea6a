// What a vCPU knew of address spaces other than the current one, by PCID (SDM vol. 3A, 4.10.1):
// coming back to one costs copies of its TLB entries instead of walks. Entries of global pages stay
// in the TLB and are never here. Own thread of the vCPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hypervisor/soft/mmu/tlb.hpp"
#include "hypervisor/soft/translate/local_page.hpp"

namespace orrery::hypervisor::soft {

// Names what a vCPU knows of mappings as code; see Cpu::fetch_context_.
struct FetchGenerations {
  std::uint64_t fetch = 0;
  std::uint64_t local = 0;
};

class AddressSpaces {
 public:
  struct Space {
    std::uint64_t pcid = 0;
    std::uint64_t last_left = 0;
    bool known = false;  // left with what is below, and not invalidated since
    std::vector<Tlb::Saved> entries{};
    std::vector<translate::LocalPage> pages{};  // of translated code
    std::uint64_t write_flushes = 0;            // Tlb::write_flushes() when it was left
    std::uint64_t page_changes = 0;             // the vCPU's, likewise
    std::uint64_t fetch_base = 0;               // CS base
    FetchGenerations generations{};
  };

  // As many as Linux keeps apart on a processor, six with two PCIDs each, and some.
  static constexpr std::size_t kMostSpaces = 16;
  // Entries kept of one: a program's hot set, and 20 KiB at most.
  static constexpr std::size_t kMostEntries = 512;

  // A place for PCID's, empty; another's goes where there is no room.
  Space& place_for(std::uint64_t pcid);
  // What is known of PCID's, or nullptr. Good until the next call.
  Space* find(std::uint64_t pcid);

  void forget(std::uint64_t pcid);
  void forget_all();

 private:
  static void empty(Space& space);

  std::vector<Space> spaces_;
  std::uint64_t leavings_ = 0;
};

}  // namespace orrery::hypervisor::soft
