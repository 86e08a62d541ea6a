// Garbage collection: gives back the space of segments that no image names.
//
// Packs without any such segment are removed; packs with few are rewritten without the others, and
// the images that name them are changed to name the new ones. Readers and writers may be at work
// all the while: a pack that a writer refers to is left for the next time, and readers keep the
// packs that they have open.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "store/pack/compression.hpp"
#include "store/progress.hpp"
#include "store/store.hpp"

namespace orrery::store {

struct CollectOptions {
  // A pack is rewritten once so many percent of it are garbage. 25: at most a quarter of the space
  // is wasted, and a byte that stays is copied three times as often as one is freed, at worst.
  unsigned percent = 25;
  int level = kUsualLevel;  // of zstd
};

struct CollectReport {
  std::uint64_t packs_removed = 0;
  std::uint64_t packs_made = 0;
  std::uint64_t packs_busy = 0;   // left, as a writer may refer to them
  std::uint64_t bytes_freed = 0;  // of files
  std::uint64_t bytes_left = 0;   // of segments that are garbage still
};

// Fails if another collection is at work, or an image is damaged so that what it names is not
// known.
Result<CollectReport> collect(Store& store, const CollectOptions& options,
                              const Progress& progress);

}  // namespace orrery::store
