// Fuzzes what agents and the control panel tell each other: whatever is taken for a message is,
// when it is written and read again, the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "cluster/link/message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  const auto message = cluster::link::parse_message({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  const std::string text = cluster::link::to_text(*message);
  const auto again = cluster::link::parse_message(text);
  ORRERY_ASSERT(again && again->index() == message->index());
  ORRERY_ASSERT(cluster::link::to_text(*again) == text);
  return 0;
}
