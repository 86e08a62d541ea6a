// Fuzzes a snapshot's manifest: as a text, and, since a text with a wrong digest comes no further,
// its fields. What is taken is written and read back the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "snapshot/manifest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  ORRERY_ASSERT(store::load_hasher());
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(snapshot::parse_manifest(text));
  const auto fields = nlohmann::json::parse(text, nullptr, false);
  if (fields.is_discarded()) return 0;
  auto manifest = snapshot::from_json(fields);
  if (!manifest) return 0;
  manifest->name = "name";
  for (auto& disk : manifest->disks) {
    if (disk.kept) disk.file = "file";
  }
  const auto again = snapshot::parse_manifest(snapshot::encode_manifest(*manifest));
  ORRERY_ASSERT(again && *again == *manifest);
  return 0;
}
