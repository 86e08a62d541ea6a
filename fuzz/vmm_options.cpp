// The languages of option values (--disk, --net, --console, --memory ...): a byte chooses the
// option, the rest is its text. Any text is taken or refused with an error, and what is taken shows
// as text that is taken for the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "vmm/options/options.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery::vmm;
  if (size == 0) return 0;
  const Option& option = options()[data[0] % options().size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Configuration configuration;
  if (!option.apply(configuration, text)) return 0;
  const auto shown = option.show(configuration);
  Configuration again;
  for (const std::string& value : shown) ORRERY_ASSERT(option.apply(again, value).has_value());
  ORRERY_ASSERT(option.show(again) == shown);
  return 0;
}
