// Finds damage: reads all of a store, or all of an image, and says what is not as it was.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store/progress.hpp"
#include "store/store.hpp"

namespace orrery::store {

struct ScrubReport {
  std::uint64_t packs = 0;
  std::uint64_t segments = 0;
  std::uint64_t images = 0;
  std::uint64_t bytes = 0;  // of segments that were read

  // What is damaged and whom it concerns, one line each. Empty: nothing is.
  std::vector<std::string> damage;
  std::vector<std::string> damaged_images;  // that cannot be read whole; sorted
};

// All packs, whether used or not, and all images. Others may be at work meanwhile.
Result<ScrubReport> scrub(const Store& store, const Progress& progress);

// What one image is made of.
Result<ScrubReport> verify(const Store& store, const std::string& image, const Progress& progress);

}  // namespace orrery::store
