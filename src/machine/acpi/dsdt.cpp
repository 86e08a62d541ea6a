#include "machine/acpi/dsdt.hpp"

#include <iterator>

#include "base/format.hpp"
#include "device/pci/interrupt_router.hpp"
#include "device/power/registers.hpp"
#include "machine/ports.hpp"

namespace orrery::machine::acpi {
namespace {

void append(Code& code, const Code& more) {
  code.insert(code.end(), more.begin(), more.end());
}

// \_S5: soft-off (7.4.2).
Code sleep_states() {
  using device::power::kSleepTypeSoftOff;
  return name("\\_S5", package({integer(kSleepTypeSoftOff), integer(kSleepTypeSoftOff), integer(0),
                                integer(0)}));
}

Terms processors(unsigned count) {
  Terms terms;
  for (unsigned i = 0; i < count; ++i) {
    // ACPI0007 as a string would do too; Linux and others take the EISA form of a compressed id
    // only for PNP ids, so it is spelled out.
    Code hid{std::byte{0x0d}};
    for (const char c : std::string_view("ACPI0007")) hid.push_back(static_cast<std::byte>(c));
    hid.push_back(std::byte{0});
    terms.push_back(device(format("C{:03X}", i), {name("_HID", hid), name("_UID", integer(i))}));
  }
  return terms;
}

// _PRT (6.2.13): each slot's pins, wired to the global interrupt its PIRQ line is routed to.
Code interrupt_routing(const Description& description) {
  constexpr unsigned kSlots = 32;
  Terms entries;
  for (unsigned slot = 1; slot < kSlots; ++slot) {
    for (unsigned pin = 0; pin < 4; ++pin) {
      const unsigned line =
          device::pci::InterruptRouter::line_of(slot, static_cast<device::pci::Pin>(pin + 1));
      entries.push_back(package({integer(std::uint64_t{slot} << 16 | 0xffff), integer(pin),
                                 integer(0), integer(description.pci_irqs[line])}));
    }
  }
  return package(entries);
}

Code host_bridge_resources(const MemoryMap& map) {
  const auto low = [](GuestPhysical address) {
    return static_cast<std::uint32_t>(address.value());
  };
  const std::uint64_t high = map.high_pci_window().value();
  return resources({bus_numbers(0, 0xff), io(kPciConfigPort, 8),
                    io_window(0x0000, kPciConfigPort - 1), io_window(kPciConfigPort + 8, 0xffff),
                    memory_window(low(kLegacyHoleStart), 0xb'ffff),
                    memory_window(low(kPciWindowStart), low(kPciWindowEnd) - 1),
                    memory_window_64(high, high + 64_GiB - 1)});
}

Code isa_device(std::string_view path, std::string_view hid, unsigned uid, const Terms& crs) {
  return device(
      path, {name("_HID", eisa_id(hid)), name("_UID", integer(uid)), name("_CRS", resources(crs))});
}

Terms isa_devices() {
  Terms terms{name("_ADR", integer(0x0001'0000))};
  terms.push_back(isa_device("RTC", "PNP0B00", 0, {io(kRtcPort, 2), irq(kRtcIrq)}));
  terms.push_back(isa_device("TIMR", "PNP0100", 0, {io(kPitPort, 4), irq(kTimerIrq)}));
  terms.push_back(
      isa_device("KBD", "PNP0303", 0,
                 {io(kKeyboardDataPort, 1), io(kKeyboardCommandPort, 1), irq(kKeyboardIrq)}));
  terms.push_back(isa_device("MOU", "PNP0F13", 0, {irq(kMouseIrq)}));
  for (unsigned i = 0; i < std::size(kSerialPortPlaces); ++i) {
    const SerialPort& port = kSerialPortPlaces[i];
    terms.push_back(isa_device(format("COM{}", i + 1), "PNP0501", i + 1,
                               {io(port.base, kSerialPortSize), irq(port.irq)}));
  }
  return terms;
}

}  // namespace

Code dsdt(const MemoryMap& map, const Description& description) {
  Terms system = processors(description.vcpus);
  system.push_back(device(
      "PCI0", {name("_HID", eisa_id("PNP0A03")), name("_UID", integer(0)), name("_ADR", integer(0)),
               name("_BBN", integer(0)), name("_CRS", host_bridge_resources(map)),
               name("_PRT", interrupt_routing(description)), device("ISA", isa_devices())}));
  Code code = sleep_states();
  append(code, scope("\\_SB", system));
  return code;
}

}  // namespace orrery::machine::acpi
