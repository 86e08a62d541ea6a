// Fuzzes system control port A.
#include "device.hpp"
#include "device/system_control/system_control.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  fuzz::Input input(data, size);
  testing::FakeHost host;
  device::system_control::SystemControl model(host);
  fuzz::drive(model, host, {.regions = 1, .region_size = 1}, input, [](fuzz::Input&) {});
  return 0;
}
