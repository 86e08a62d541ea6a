// Fuzzes the ACPI fixed hardware, with its button.
#include "device.hpp"
#include "device/power/power.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  fuzz::Input input(data, size);
  testing::FakeHost host;
  device::power::Power model(host);
  fuzz::drive(model, host, {.regions = 4, .region_size = 4}, input, [&](fuzz::Input& more) {
    if (more.take<std::uint8_t>() % 2 == 0) model.press_power_button();
    host.advance(Ticks(more.take<std::uint32_t>() * std::int64_t{1000}));
  });
  return 0;
}
