// Fuzzes the 8259s, with interrupt requests and acknowledgements.
#include "device.hpp"
#include "device/pic8259/pic8259.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  fuzz::Input input(data, size);
  testing::FakeHost host;
  device::pic8259::Pic8259 model([](bool) {});
  fuzz::drive(model, host, {.regions = 3, .region_size = 2}, input, [&](fuzz::Input& more) {
    const auto what = more.take<std::uint8_t>();
    if (what % 4 == 0) {
      model.acknowledge();
    } else {
      model.set_irq(what >> 3, (what & 4) != 0);
    }
  });
  return 0;
}
