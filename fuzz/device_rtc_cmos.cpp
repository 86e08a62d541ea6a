// Fuzzes the real-time clock, with hours that pass.
#include "device.hpp"
#include "device/rtc_cmos/rtc_cmos.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  fuzz::Input input(data, size);
  testing::FakeHost host;
  device::rtc_cmos::RtcCmos model(host, Ticks(1'700'000'000'000'000'000));
  fuzz::drive(model, host, {.regions = 1, .region_size = 2}, input, [&](fuzz::Input& more) {
    host.advance(Ticks(more.take<std::uint32_t>() * std::int64_t{1000}));
  });
  return 0;
}
