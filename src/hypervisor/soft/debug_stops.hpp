// A debugger's breakpoints, watchpoints and steps on one vCPU of the software engine.
//
// Breakpoints cost nothing where there are none: a decoded block ends before every address that has
// the page offset of a breakpoint (the page may be mapped elsewhere, too), and there instructions
// go one at a time, past breaks_at(). Watched pages stay out of the TLB, so that accesses to them
// reach note_access(). The translator rests while there are DebugStops.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/types.hpp"
#include "hypervisor/debug_request.hpp"
#include "hypervisor/exit.hpp"
#include "hypervisor/soft/access.hpp"

namespace orrery::hypervisor::soft {

class DebugStops {
 public:
  explicit DebugStops(DebugRequest request);

  bool stepping() const { return request_.step; }

  // Whether instructions at this offset of any page go one at a time.
  bool may_break_at(std::uint64_t address) const { return offsets_[address % kPageSize]; }
  bool breaks_at(std::uint64_t linear) const;

  bool watches_page_of(std::uint64_t linear) const;
  // Whether a watchpoint watches for that; take_hit() then tells it.
  bool watches(std::uint64_t linear, unsigned size, Access access) const {
    return find(linear, size, access) != nullptr;
  }
  void note_access(std::uint64_t linear, unsigned size, Access access);
  std::optional<DebugTrap> take_hit() { return std::exchange(hit_, std::nullopt); }

  // Whether the step has been made; from the first call on, it has.
  bool take_step() { return std::exchange(stepped_, true); }

 private:
  const Watchpoint* find(std::uint64_t linear, unsigned size, Access access) const;

  DebugRequest request_;
  std::bitset<kPageSize> offsets_;
  std::optional<DebugTrap> hit_;
  bool stepped_ = false;
};

}  // namespace orrery::hypervisor::soft
