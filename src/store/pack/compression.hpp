// Groups of segments, compressed by zstd (RFC 8878). Private to store/.
#pragma once

#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "store/pack/pack_table.hpp"

namespace orrery::store {

// zstd's own: beyond it, each percent of space costs as much time again.
inline constexpr int kUsualLevel = 3;
inline constexpr int kLeastLevel = 1;
inline constexpr int kMostLevel = 19;

struct Compressed {
  std::vector<std::byte> bytes;
  Method method = Method::kStored;  // as they are, where zstd gains nothing
};
Compressed compress(ByteSpan bytes, int level);
// TO has the length that comes out.
Result<> decompress(ByteSpan bytes, Method method, MutableByteSpan to);

}  // namespace orrery::store
