// How much one client of a server may take, and how long it may take for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/types.hpp"

namespace orrery::http {

struct Limits {
  // At the same time; further ones wait to be accepted. Each holds kPiece and its headers, so this
  // is 68 MiB.
  std::size_t clients = 256;
  // Of a request's body.
  std::uint64_t body = 0;
  // Without a request, before it is let go: starts of guests pause for seconds.
  std::chrono::milliseconds idle{60'000};
  // From a request's first byte to its last: they fit a few packets.
  std::chrono::milliseconds request{10'000};
  // To take a piece of an answer: 9 KB/s, slower than any modem.
  std::chrono::milliseconds piece{30'000};
  // For a client of a server that ends, to take the answer under way.
  std::chrono::milliseconds farewell{5'000};
};

// Of a body in memory: the largest group that is usually written, so that most answers are one.
inline constexpr std::uint64_t kPiece = 256_KiB;

}  // namespace orrery::http
