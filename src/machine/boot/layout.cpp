#include "machine/boot/layout.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bits.hpp"
#include "base/format.hpp"
#include "base/units.hpp"

namespace orrery::machine::boot {

const Layout::Piece* Layout::overlapping(std::uint64_t start, std::uint64_t size) const {
  const auto found = std::find_if(taken_.begin(), taken_.end(), [&](const Piece& piece) {
    return start < piece.end && piece.start < start + size;
  });
  return found == taken_.end() ? nullptr : &*found;
}

bool Layout::usable(std::uint64_t start, std::uint64_t size) const {
  const auto& ranges = destination_.map.ranges();
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    const std::uint64_t first = range.start.value();
    return range.kind == RangeKind::kUsable && start >= first && size <= range.size.value() &&
           start - first <= range.size.value() - size;
  });
}

Error Layout::does_not_fit(std::uint64_t size, std::string_view what) const {
  return Error(format("{} ({} bytes) does not fit into the guest's memory of {}; raise --memory",
                      what, size, to_string(destination_.memory.ram_size())));
}

Result<> Layout::claim(GuestPhysical start, std::uint64_t size, std::string_view what) {
  if (size == 0) return {};
  if (!usable(start.value(), size)) {
    return fail(
        format("{} wants guest memory {:#x} and {} bytes on, which is not all usable memory "
               "of a guest with {}; raise --memory or link it to another address",
               what, start.value(), size, to_string(destination_.memory.ram_size())));
  }
  if (const Piece* other = overlapping(start.value(), size)) {
    return fail(format("{} at {:#x} overlaps what was already placed at {:#x}", what, start.value(),
                       other->start));
  }
  taken_.push_back({start.value(), start.value() + size});
  return {};
}

Result<GuestPhysical> Layout::place_below(GuestPhysical bound, std::uint64_t size,
                                          std::string_view what) {
  const auto& ranges = destination_.map.ranges();
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    if (range->kind != RangeKind::kUsable) continue;
    const std::uint64_t bottom = std::max(range->start.value(), kPageSize);
    std::uint64_t top = std::min(bound.value(), range->start.value() + range->size.value());
    while (top > bottom && top - bottom >= size) {
      const std::uint64_t start = align_down(top - size, kPageSize);
      if (start < bottom) break;
      const Piece* const other = overlapping(start, size);
      if (other == nullptr) {
        ORRERY_CHECK(claim(GuestPhysical(start), size, what));
        return GuestPhysical(start);
      }
      top = other->start;
    }
  }
  return fail(does_not_fit(size, what));
}

Result<GuestPhysical> Layout::place_above(GuestPhysical bound, std::uint64_t size,
                                          std::string_view what) {
  for (const Range& range : destination_.map.ranges()) {
    if (range.kind != RangeKind::kUsable) continue;
    const std::uint64_t end = range.start.value() + range.size.value();
    std::uint64_t start = align_up(std::max(bound.value(), range.start.value()), kPageSize);
    while (start < end && end - start >= size) {
      const Piece* const other = overlapping(start, size);
      if (other == nullptr) {
        ORRERY_CHECK(claim(GuestPhysical(start), size, what));
        return GuestPhysical(start);
      }
      start = align_up(other->end, kPageSize);
    }
  }
  return fail(does_not_fit(size, what));
}

void Layout::copy(GuestPhysical address, ByteSpan bytes) {
  if (bytes.empty()) return;
  const bool copied = destination_.memory.load(address, bytes);
  ORRERY_ASSERT(copied);  // claimed before
}

void Layout::zero(GuestPhysical address, std::uint64_t size) {
  if (size == 0) return;
  const auto span = destination_.memory.host_span(address, size);
  ORRERY_ASSERT(span);
  // Reads first: memory that was never written is zero already, and stays uncommitted.
  for (std::size_t offset = 0; offset < size; offset += kPageSize) {
    const auto page = span->subspan(offset, std::min<std::size_t>(kPageSize, size - offset));
    if (std::any_of(page.begin(), page.end(), [](std::byte b) { return b != std::byte{0}; })) {
      std::fill(page.begin(), page.end(), std::byte{0});
    }
  }
  destination_.memory.mark_written(address, size);
}

GuestPhysical Layout::end() const {
  std::uint64_t end = 0;
  for (const Piece& piece : taken_) end = std::max(end, piece.end);
  return GuestPhysical(end);
}

}  // namespace orrery::machine::boot
