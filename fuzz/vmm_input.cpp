// Fuzzes the lines of `--input`: whatever comes, each line has one answer, and what a device is
// offered are events of keys that there are.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "support/fake_host.hpp"
#include "vmm/input/text_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  static const auto loop = EventLoop::create().value();
  testing::FakeConsole stream;
  vmm::TextInput input(*loop, stream);
  unsigned offered = 0;
  input.set_receiver([&](const port::InputEvent&) { return ++offered % 5 != 0; });
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  stream.type(text);
  const auto lines = std::count(text.begin(), text.end(), '\n');
  const auto answers = [&] { return std::count(stream.output.begin(), stream.output.end(), '\n'); };
  // Each refused event is one in five, so that many resumptions bring all to an end.
  for (std::size_t i = 0; i < 6 * size + 1 && answers() < lines; ++i) {
    input.resume();
    loop->poll();
  }
  ORRERY_ASSERT(answers() == lines);
  return 0;
}
