// Whether bytes are all zeroes.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/bytes.hpp"

namespace orrery {

// As fast as memory is read where they are, and at the first byte that is not.
inline bool is_zero(ByteSpan bytes) {
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace orrery
