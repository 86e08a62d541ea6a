#include "machine/devices/chipset.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/format.hpp"
#include "machine/ports.hpp"

namespace orrery::machine {

Chipset::Chipset(HostServices& services, IrqWires& wires, Bus& bus,
                 std::function<void(std::uint32_t)> debug_exit)
    : services_(services), wires_(wires), bus_(bus) {
  add_serial_ports();
  add_clocks();
  add_keyboard();
  add_power();
  if (!debug_exit) return;
  using device::debug_exit::DebugExit;
  debug_exit_ = plug<DebugExit>("debug-exit", {}, [&](device::Host&) {
    return std::make_unique<DebugExit>(std::move(debug_exit));
  });
  claim(0, device::debug_exit::kPort, device::debug_exit::kPorts, Width::k32);
}

void Chipset::add_serial_ports() {
  using device::uart16550::Uart16550;
  for (unsigned i = 0; i < kSerialPorts; ++i) {
    uarts_[i] = plug<Uart16550>(format("uart16550.{}", i), {kSerialPortPlaces[i].irq});
    claim(0, kSerialPortPlaces[i].base, kSerialPortSize);
  }
}

void Chipset::add_clocks() {
  using device::pit8254::Pit8254;
  pit_ = plug<Pit8254>("pit8254", {kTimerIrq});
  claim(Pit8254::kCounters, kPitPort, 4);
  claim(Pit8254::kPort61, kPort61, 1);

  using device::rtc_cmos::RtcCmos;
  const Ticks epoch = services_.clock.source().wall() - services_.clock.now().value();
  rtc_ = plug<RtcCmos>("rtc-cmos", {kRtcIrq},
                       [&](device::Host& host) { return std::make_unique<RtcCmos>(host, epoch); });
  claim(0, kRtcPort, 2);
}

void Chipset::add_keyboard() {
  using device::i8042::I8042;
  i8042_ = plug<I8042>("i8042", {kKeyboardIrq, kMouseIrq});
  claim(I8042::kData, kKeyboardDataPort, 1);
  claim(I8042::kCommandStatus, kKeyboardCommandPort, 1);

  using device::system_control::SystemControl;
  system_control_ = plug<SystemControl>("system-control", {});
  claim(0, device::system_control::kPort, 1);
}

void Chipset::add_power() {
  power_ = plug<device::power::Power>("acpi-pm", {kSciIrq});
  power_lock_ = devices_.back().lock;
  for (unsigned i = 0; i < std::size(device::power::kBlocks); ++i) {
    const auto& block = device::power::kBlocks[i];
    claim(i, static_cast<std::uint16_t>(kPowerManagementBase + block.offset), block.size,
          Width::k32);
  }
}

DeviceHost& Chipset::make_host(std::initializer_list<unsigned> irqs) {
  std::vector<IrqWires::Contact> contacts;
  for (const unsigned irq : irqs) contacts.push_back(wires_.connect(irq));
  hosts_.push_back(std::make_unique<DeviceHost>(
      services_, [this, contacts = std::move(contacts)](unsigned line, bool asserted) {
        if (line < contacts.size()) wires_.set(contacts[line], asserted);
      }));
  return *hosts_.back();
}

void Chipset::claim(unsigned region, std::uint16_t base, std::uint64_t size, Width widest) {
  bus_.add({.space = Space::kPorts,
            .base = base,
            .size = size,
            .widest = widest,
            .device = devices_.back().device,
            .lock = devices_.back().lock,
            .region = region});
}

void Chipset::describe_memory(const MemoryMap& map, unsigned vcpus) {
  using namespace device::rtc_cmos;
  const auto set = [this](unsigned index, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) {
      cmos_.push_back(
          {static_cast<std::uint8_t>(index + i), static_cast<std::uint8_t>(value >> i * 8)});
      rtc_->set_cmos(cmos_.back().index, cmos_.back().value);
    }
  };
  const std::uint64_t low = map.low_size().value();
  const std::uint64_t extended = std::min<std::uint64_t>((low - 1_MiB) / 1_KiB, 0xffff);
  set(kBaseMemoryLow, 640, 2);
  set(kExtendedMemoryLow, extended, 2);
  set(kExtendedMemoryLowAgain, extended, 2);
  set(kMemoryAbove16MibLow, low > 16_MiB ? (low - 16_MiB) / 64_KiB : 0, 2);
  set(kMemoryAbove4GibLow, map.high_size().value() / 64_KiB, 3);
  set(kProcessorsMinusOne, vcpus - 1, 1);
}

// Of the devices that can be elsewhere. False: it is none of them.
bool Chipset::take_out(const device::Device* device) {
  const auto is_it = [&](auto& model) {
    if (model.get() != device) return false;
    model.reset();
    return true;
  };
  return std::ranges::any_of(uarts_, is_it) || is_it(rtc_) || is_it(i8042_);
}

Result<> Chipset::replace(std::string_view name, const DeviceFactory& make) {
  const auto named = std::ranges::find(devices_, name, &NamedDevice::name);
  const device::Device* const before = named == devices_.end() ? nullptr : named->device;
  if (before == nullptr || !take_out(before)) {
    return fail(format("{}: there is no such device that could be elsewhere", name));
  }
  const auto host = std::ranges::find_if(
      hosts_, [&](const auto& each) { return &each->device_lock() == named->lock; });
  replacements_.push_back(make(**host));
  named->device = replacements_.back().get();
  bus_.replace(before, *named->device);
  return {};
}

void Chipset::press_power_button() {
  const std::lock_guard lock(*power_lock_);
  power_->press_power_button();
}

}  // namespace orrery::machine
