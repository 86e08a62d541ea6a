// PCI bus 0 of the machine: the functions of its 440FX/PIIX chipset, what was added, and their
// interrupt wires.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "device/pci/host_bridge.hpp"
#include "device/pci/interrupt_router.hpp"
#include "device/pci/isa_bridge.hpp"
#include "device/pci/root.hpp"
#include "device/power/pci_function.hpp"
#include "machine/bus.hpp"
#include "machine/devices/device_host.hpp"
#include "machine/devices/doorbell.hpp"
#include "machine/devices/named_device.hpp"
#include "machine/interrupts/irq_wires.hpp"
#include "machine/machine.hpp"

namespace orrery::machine {

class PciBus {
 public:
  // All arguments outlive the bus.
  PciBus(HostServices& services, IrqWires& wires);

  Result<> add(const PciFunctionFactory& make);
  // Gives BARs addresses and routes interrupts, as firmware does. Before vCPUs run.
  Result<> assign_resources();

  // The IRQs that PIRQA to PIRQD are routed to (0 where they are not).
  std::array<std::uint8_t, device::pci::kPirqCount> irqs() const;

  device::pci::Root& root() { return root_; }
  std::mutex& root_lock() { return root_host_.device_lock(); }
  const NamedDevices& devices() const { return devices_; }

 private:
  // First device number for functions that are added: 0 is the host bridge, 1 the PIIX.
  static constexpr std::uint8_t kFirstFreeSlot = 2;

  // A function with its host and its place.
  struct Place {
    device::pci::Address address;
    std::unique_ptr<DeviceHost> host;
    std::unique_ptr<device::pci::Function> function;
    std::vector<std::unique_ptr<Doorbell>> doorbells;  // one for each of the host's posted writes
  };

  Result<> attach(std::unique_ptr<Place> place);
  std::unique_ptr<Place> make_place(device::pci::Address address);
  Result<> make_doorbells(Place& place);
  // Follows the BARs; any thread, with a function's device lock held.
  void move_doorbells();

  HostServices& services_;
  IrqWires& wires_;
  std::vector<IrqWires::Contact> contacts_;  // by ISA IRQ
  device::pci::InterruptRouter router_;
  DeviceHost root_host_;
  std::mutex doorbells_mutex_;  // guards the places' doorbells; taken with device locks held
  std::vector<std::unique_ptr<Place>> places_;
  device::pci::Root root_;
  device::pci::IsaBridge* isa_bridge_ = nullptr;
  std::uint8_t next_slot_ = kFirstFreeSlot;
  NamedDevices devices_;
};

}  // namespace orrery::machine
