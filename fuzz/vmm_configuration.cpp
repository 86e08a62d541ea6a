// Configuration files: any text either configures a VM or is refused with an error, and what is
// taken survives being written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "vmm/options/configuration_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery::vmm;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto settings = parse_configuration(text, "fuzz.toml");
  if (!settings) return 0;
  const auto configuration = configure(*settings, {});
  if (!configuration) return 0;
  const std::string written = to_toml(*configuration);
  const auto again = parse_configuration(written, "written.toml");
  ORRERY_ASSERT(again.has_value());
  const auto same = configure(*again, {});
  ORRERY_ASSERT(same.has_value());
  ORRERY_ASSERT(to_toml(*same) == written);
  return 0;
}
