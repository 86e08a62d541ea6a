// Told of long work now and then, in bytes; false ends the work with an error that says so.
#pragma once

#include <cstdint>
#include <functional>

#include "base/error.hpp"

namespace orrery::store {

using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

inline Result<> report(const Progress& progress, std::uint64_t done, std::uint64_t total) {
  if (progress && !progress(done, total)) return fail("interrupted; nothing was changed by half");
  return {};
}

}  // namespace orrery::store
