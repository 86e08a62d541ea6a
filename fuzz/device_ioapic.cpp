// Fuzzes the I/O APIC, with pins and ends of interrupts.
#include "device.hpp"
#include "device/ioapic/ioapic.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  fuzz::Input input(data, size);
  testing::FakeHost host;
  device::ioapic::IoApic model([](const device::InterruptMessage&) {});
  fuzz::drive(model, host, {.regions = 1, .region_size = 0x44}, input, [&](fuzz::Input& more) {
    const auto what = more.take<std::uint8_t>();
    if (what % 4 == 0) {
      model.end_of_interrupt(more.take<std::uint8_t>());
    } else {
      model.set_pin(what >> 3, (what & 4) != 0);
    }
  });
  return 0;
}
