// How long and how a test runs where somebody wants it longer, or one run once more.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace orrery::testing {

// The number in the environment variable NAME; OTHERWISE where there is none. Before other threads.
inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace orrery::testing
