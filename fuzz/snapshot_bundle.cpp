// Fuzzes manifest and state of a snapshot as an image of a store holds them. What is taken is
// written and read back the same.
#include <cstddef>
#include <cstdint>

#include "base/assert.hpp"
#include "snapshot/bundle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  ORRERY_ASSERT(store::load_hasher());
  const auto bundle = snapshot::parse_bundle(as_bytes(data, size));
  if (!bundle) return 0;
  const auto again = snapshot::parse_bundle(snapshot::encode_bundle(*bundle));
  ORRERY_ASSERT(again && again->manifest == bundle->manifest && again->state == bundle->state);
  return 0;
}
