// Saved states of devices: a byte chooses the chip, the rest is a tree as CBOR. Any tree is refused
// with an error, or becomes a state that the chip saves again and goes on from.
#include <memory>

#include "device.hpp"
#include "device/i8042/i8042.hpp"
#include "device/ioapic/ioapic.hpp"
#include "device/pic8259/pic8259.hpp"
#include "device/pit8254/pit8254.hpp"
#include "device/power/power.hpp"
#include "device/rtc_cmos/rtc_cmos.hpp"
#include "device/system_control/system_control.hpp"
#include "device/uart16550/uart16550.hpp"

namespace {

using namespace orrery;

std::unique_ptr<device::Device> make_chip(unsigned number, testing::FakeHost& host) {
  switch (number % 8) {
    case 0: return std::make_unique<device::i8042::I8042>(host);
    case 1: return std::make_unique<device::ioapic::IoApic>([](const auto&) {});
    case 2: return std::make_unique<device::pic8259::Pic8259>([](bool) {});
    case 3: return std::make_unique<device::pit8254::Pit8254>(host);
    case 4: return std::make_unique<device::power::Power>(host);
    case 5: return std::make_unique<device::rtc_cmos::RtcCmos>(host, Ticks(0));
    case 6: return std::make_unique<device::system_control::SystemControl>(host);
    default: return std::make_unique<device::uart16550::Uart16550>(host);
  }
}

// Reads every register twice around some time: what a restored state makes of a guest's questions.
void look_around(device::Device& chip, testing::FakeHost& host) {
  for (int round = 0; round < 2; ++round) {
    for (unsigned region = 0; region < 3; ++region) {
      for (std::uint64_t offset = 0; offset < 8; ++offset) chip.read(region, offset, Width::k8);
    }
    host.run_posted(16);
    host.advance(Ticks(1'000'000));
  }
}

// CBOR as a reader of state files has to take it: with exceptions off, the library (3.11) still
// throws for an array that is said to be larger than memory.
device::State tree_of(const std::uint8_t* data, std::size_t size) {
  try {
    return device::State::from_cbor(data, data + size, true, false);
  } catch (const device::State::exception&) {
    return {};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  testing::FakeHost host;
  const auto chip = make_chip(data[0], host);
  const device::State before = chip->save();
  const device::State tree = tree_of(data + 1, size - 1);
  if (!chip->restore(tree)) {
    ORRERY_ASSERT(chip->save() == before);
    return 0;
  }
  fuzz::check_round_trip(*chip);
  look_around(*chip, host);
  return 0;
}
