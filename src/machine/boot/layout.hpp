// Hands out the guest's usable memory to what a loader places, and keeps pieces from overlapping.
// The first page is never handed out by place_below(): it stays a null page.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/types.hpp"
#include "machine/boot/payload.hpp"

namespace orrery::machine::boot {

class Layout {
 public:
  explicit Layout(const Destination& destination) : destination_(destination) {}

  // Takes [start, start + size) for WHAT ("segment 2"); an error when it is not usable memory or
  // already taken. An empty range is always fine.
  Result<> claim(GuestPhysical start, std::uint64_t size, std::string_view what);

  // Takes the highest (or lowest) page-aligned place whose end is at most (whose start is at least)
  // BOUND.
  Result<GuestPhysical> place_below(GuestPhysical bound, std::uint64_t size, std::string_view what);
  Result<GuestPhysical> place_above(GuestPhysical bound, std::uint64_t size, std::string_view what);

  // Fill what was taken before.
  void copy(GuestPhysical address, ByteSpan bytes);
  void zero(GuestPhysical address, std::uint64_t size);

  // End of the highest piece taken so far.
  GuestPhysical end() const;

  const Destination& destination() const { return destination_; }

 private:
  struct Piece {
    std::uint64_t start;
    std::uint64_t end;
  };

  const Piece* overlapping(std::uint64_t start, std::uint64_t size) const;
  bool usable(std::uint64_t start, std::uint64_t size) const;
  Error does_not_fit(std::uint64_t size, std::string_view what) const;

  const Destination& destination_;
  std::vector<Piece> taken_;
};

}  // namespace orrery::machine::boot
