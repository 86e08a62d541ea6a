// Fuzzes the UART: registers, characters from outside, and a console that takes little.
#include "device.hpp"
#include "device/uart16550/uart16550.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  fuzz::Input input(data, size);
  testing::FakeHost host;
  testing::FakeConsole console;
  device::uart16550::Uart16550 uart(host);
  uart.attach(console);
  fuzz::drive(uart, host, {.regions = 1, .region_size = 8}, input, [&](fuzz::Input& more) {
    const auto what = more.take<std::uint8_t>();
    if (what % 2 == 0) {
      console.type(std::string(what / 8, 'x'));
    } else {
      console.drain(what / 8);
    }
  });
  return 0;
}
