#include "hypervisor/soft/debug_stops.hpp"

#include <algorithm>

#include "base/bits.hpp"

namespace orrery::hypervisor::soft {

DebugStops::DebugStops(DebugRequest request) : request_(std::move(request)) {
  for (const GuestLinear address : request_.breakpoints) {
    offsets_.set(address.value() % kPageSize);
  }
}

bool DebugStops::breaks_at(std::uint64_t linear) const {
  return std::ranges::find(request_.breakpoints, GuestLinear(linear)) != request_.breakpoints.end();
}

bool DebugStops::watches_page_of(std::uint64_t linear) const {
  const std::uint64_t page = align_down(linear, kPageSize);
  return std::ranges::any_of(request_.watchpoints, [&](const Watchpoint& watchpoint) {
    const std::uint64_t first = watchpoint.address.value();
    return first - page < kPageSize || page - first < watchpoint.length;
  });
}

const Watchpoint* DebugStops::find(std::uint64_t linear, unsigned size, Access access) const {
  const auto found = std::ranges::find_if(request_.watchpoints, [&](const Watchpoint& watchpoint) {
    const std::uint64_t first = watchpoint.address.value();
    const bool overlaps = first - linear < size || linear - first < watchpoint.length;
    const bool wanted = watchpoint.kind == WatchKind::kAccess ||
                        (watchpoint.kind == WatchKind::kWrite) == (access == Access::kWrite);
    return overlaps && wanted;
  });
  return found == request_.watchpoints.end() ? nullptr : &*found;
}

void DebugStops::note_access(std::uint64_t linear, unsigned size, Access access) {
  const Watchpoint* const watchpoint = find(linear, size, access);
  if (watchpoint == nullptr || hit_) return;
  hit_ = DebugTrap{DebugTrap::Cause::kWatchpoint, watchpoint->address};
}

}  // namespace orrery::hypervisor::soft
