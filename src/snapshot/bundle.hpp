// Manifest and state of a snapshot as the bytes of one image of a store (docs/formats/snapshot.md).
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "snapshot/manifest.hpp"

namespace orrery::snapshot {

struct Bundle {
  Manifest manifest;
  std::vector<std::byte> state;  // CBOR
};

// A multiple of 512 bytes. Of the manifest the state's part is filled in.
std::vector<std::byte> encode_bundle(const Bundle& bundle);
// An error: it is none, or damaged.
Result<Bundle> parse_bundle(ByteSpan bytes);

// More is no bundle: a manifest and a state are far below that.
inline constexpr std::uint64_t kMostBundle = 512_MiB;

}  // namespace orrery::snapshot
