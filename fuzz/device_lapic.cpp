// Fuzzes a local APIC: its page, its MSRs, messages from outside, and its timer. What it sends
// comes back to it.
#include "device.hpp"
#include "device/lapic/lapic.hpp"

namespace {

using namespace orrery;
using device::lapic::LocalApic;

class Loopback : public device::lapic::Connection {
 public:
  explicit Loopback(testing::FakeHost& host) : host_(host) {}

  void send_ipi(LocalApic& from, device::lapic::Shorthand /*shorthand*/,
                const device::InterruptMessage& message) override {
    if (from.accepts(message)) from.deliver(message);
  }
  void broadcast_eoi(std::uint8_t /*vector*/) override {}
  void signal(VcpuId, device::lapic::CoreEvent, std::uint8_t) override {}
  std::uint8_t acknowledge_external() override { return 0x20; }
  std::uint64_t time_stamp() override { return static_cast<std::uint64_t>(host_.now().value()); }
  Ticks when_time_stamp(std::uint64_t value) override {
    return Ticks(static_cast<std::int64_t>(value >> 2));
  }

 private:
  testing::FakeHost& host_;
};

void outside(LocalApic& apic, fuzz::Input& input) {
  const auto value = input.take<std::uint64_t>();
  switch (input.take<std::uint8_t>() % 8) {
    case 0: apic.acknowledge(); break;
    case 1: apic.set_task_priority(value); break;
    case 2: apic.set_lint0((value & 1) != 0); break;
    case 3:
      apic.deliver(device::message_of_msi(value >> 32, static_cast<std::uint32_t>(value)));
      break;
    case 4: apic.write_msr(0x1b, 0xfee0'0000 | (value & 0xd00)); break;
    case 5: apic.write_msr(0x800 + (value >> 56), value & 0xffff'ffff); break;
    case 6: apic.read_msr(0x800 + (value >> 56)); break;
    case 7: apic.write_msr(0x6e0, value); break;
  }
  apic.pending();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  testing::FakeHost host;
  Loopback connection(host);
  LocalApic apic(VcpuId(1), host, connection);
  apic.enter_virtual_wire_mode();
  fuzz::drive(apic, host, {.regions = 1, .region_size = 0x400}, input,
              [&](fuzz::Input& more) { outside(apic, more); });
  return 0;
}
