// The classic devices of a PC at their places on the bus, each with its host and its wires.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "device/debug_exit/debug_exit.hpp"
#include "device/i8042/i8042.hpp"
#include "device/pit8254/pit8254.hpp"
#include "device/power/power.hpp"
#include "device/rtc_cmos/rtc_cmos.hpp"
#include "device/system_control/system_control.hpp"
#include "device/uart16550/uart16550.hpp"
#include "machine/bus.hpp"
#include "machine/devices/device_host.hpp"
#include "machine/devices/named_device.hpp"
#include "machine/interrupts/irq_wires.hpp"
#include "machine/machine.hpp"

namespace orrery::machine {

class Chipset {
 public:
  // All arguments outlive the chipset. `debug_exit` may be empty: then the port is not there.
  Chipset(HostServices& services, IrqWires& wires, Bus& bus,
          std::function<void(std::uint32_t)> debug_exit);

  // Unless they are replaced.
  device::uart16550::Uart16550& uart(unsigned number) { return *uarts_[number]; }
  device::i8042::I8042& i8042() { return *i8042_; }
  // What firmware leaves in CMOS memory.
  void describe_memory(const MemoryMap& map, unsigned vcpus);
  const std::vector<CmosByte>& cmos() const { return cmos_; }
  void press_power_button();

  // See Machine::replace_device().
  Result<> replace(std::string_view name, const DeviceFactory& make);

  const NamedDevices& devices() const { return devices_; }

 private:
  void add_serial_ports();
  void add_clocks();
  void add_keyboard();
  void add_power();

  // A host whose line N is wired to the Nth of IRQS.
  DeviceHost& make_host(std::initializer_list<unsigned> irqs);
  // Makes a device with such a host.
  template <typename Model, typename Make>
  std::unique_ptr<Model> plug(std::string name, std::initializer_list<unsigned> irqs, Make make) {
    DeviceHost& host = make_host(irqs);
    std::unique_ptr<Model> model = make(host);
    devices_.push_back({std::move(name), model.get(), &host.device_lock()});
    return model;
  }
  template <typename Model>
  std::unique_ptr<Model> plug(std::string name, std::initializer_list<unsigned> irqs) {
    return plug<Model>(std::move(name), irqs,
                       [](device::Host& host) { return std::make_unique<Model>(host); });
  }
  bool take_out(const device::Device* device);
  // Ports at which a region of the device that was plugged in last answers.
  void claim(unsigned region, std::uint16_t base, std::uint64_t size, Width widest = Width::k8);

  HostServices& services_;
  IrqWires& wires_;
  Bus& bus_;
  std::vector<std::unique_ptr<DeviceHost>> hosts_;
  NamedDevices devices_;
  std::vector<CmosByte> cmos_;
  std::vector<std::unique_ptr<device::Device>> replacements_;

  std::array<std::unique_ptr<device::uart16550::Uart16550>, kSerialPorts> uarts_;
  std::unique_ptr<device::pit8254::Pit8254> pit_;
  std::unique_ptr<device::rtc_cmos::RtcCmos> rtc_;
  std::unique_ptr<device::i8042::I8042> i8042_;
  std::unique_ptr<device::power::Power> power_;
  std::mutex* power_lock_ = nullptr;
  std::unique_ptr<device::system_control::SystemControl> system_control_;
  std::unique_ptr<device::debug_exit::DebugExit> debug_exit_;
};

}  // namespace orrery::machine
