// What has passed a port since it was made: counters, from which rates are made.
#pragma once

#include <cstdint>

namespace orrery::port {

struct Traffic {
  std::uint64_t in = 0;  // reads that were answered, or frames that were received
  std::uint64_t in_bytes = 0;
  std::uint64_t out = 0;  // writes that were answered, or frames that were sent
  std::uint64_t out_bytes = 0;

  friend bool operator==(const Traffic&, const Traffic&) = default;
};

}  // namespace orrery::port
