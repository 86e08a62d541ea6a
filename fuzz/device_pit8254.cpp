// Fuzzes the interval timer, with long spans of time.
#include "device.hpp"
#include "device/pit8254/pit8254.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  fuzz::Input input(data, size);
  testing::FakeHost host;
  device::pit8254::Pit8254 model(host);
  fuzz::drive(model, host, {.regions = 2, .region_size = 4}, input, [&](fuzz::Input& more) {
    host.advance(Ticks(more.take<std::uint32_t>() % 100'000'000));
  });
  return 0;
}
