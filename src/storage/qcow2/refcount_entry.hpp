// One refcount within a block or page of them ("refcount block entry"): 1 to 64 bits wide. Those of
// less than a byte begin at its least significant bit. Private to storage/.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace orrery::storage::qcow2 {

inline std::uint64_t load_refcount(const std::byte* block, std::uint64_t index, unsigned order) {
  const std::byte* const at = block + ((index << order) >> 3);
  switch (order) {
    case 3: return static_cast<std::uint8_t>(*at);
    case 4: return load_be<std::uint16_t>(at);
    case 5: return load_be<std::uint32_t>(at);
    case 6: return load_be<std::uint64_t>(at);
    default: break;
  }
  const unsigned width = 1u << order;
  const auto shift = static_cast<unsigned>(index * width % 8);
  return (static_cast<unsigned>(*at) >> shift) & ((1u << width) - 1);
}

inline void store_refcount(std::byte* block, std::uint64_t index, unsigned order,
                           std::uint64_t value) {
  std::byte* const at = block + ((index << order) >> 3);
  switch (order) {
    case 3: *at = static_cast<std::byte>(value); return;
    case 4: store_be(at, static_cast<std::uint16_t>(value)); return;
    case 5: store_be(at, static_cast<std::uint32_t>(value)); return;
    case 6: store_be(at, value); return;
    default: break;
  }
  const unsigned width = 1u << order;
  const auto shift = static_cast<unsigned>(index * width % 8);
  const unsigned mask = ((1u << width) - 1) << shift;
  *at = static_cast<std::byte>((static_cast<unsigned>(*at) & ~mask) |
                               (static_cast<unsigned>(value) << shift));
}

}  // namespace orrery::storage::qcow2
