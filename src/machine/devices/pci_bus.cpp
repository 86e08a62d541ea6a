#include "machine/devices/pci_bus.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/format.hpp"
#include "device/pci/resources.hpp"
#include "machine/memory_map.hpp"
#include "machine/ports.hpp"

namespace orrery::machine {
namespace {
constexpr unsigned kIsaIrqs = 16;
}

PciBus::PciBus(HostServices& services, IrqWires& wires)
    : services_(services),
      wires_(wires),
      router_([this](unsigned irq, bool asserted) { wires_.set(contacts_[irq], asserted); }),
      root_host_(services),
      root_(root_host_) {
  for (unsigned irq = 0; irq < kIsaIrqs; ++irq) contacts_.push_back(wires_.connect(irq));
  if (services_.doorbells != nullptr) root_.set_change_listener([this] { move_doorbells(); });
  devices_.push_back({"pci-root", &root_, &root_host_.device_lock()});

  auto bridge = make_place({0, 0});
  bridge->function = std::make_unique<device::pci::HostBridge>(*bridge->host);
  auto isa = make_place({1, 0});
  auto isa_bridge = std::make_unique<device::pci::IsaBridge>(*isa->host, router_);
  isa_bridge_ = isa_bridge.get();
  isa->function = std::move(isa_bridge);
  auto power = make_place({1, 3});
  power->function =
      std::make_unique<device::power::PowerFunction>(*power->host, kPowerManagementBase);
  for (auto* place : {&bridge, &isa, &power}) {
    ORRERY_ASSERT(attach(std::move(*place)).has_value());
  }
}

std::unique_ptr<PciBus::Place> PciBus::make_place(device::pci::Address address) {
  auto place = std::make_unique<Place>();
  place->address = address;
  place->host = std::make_unique<DeviceHost>(
      services_, [this, p = place.get()](unsigned line, bool asserted) {
        if (line != device::pci::Function::kIntxLine || !p->function) return;
        router_.set_pin(p->address.slot, p->function->pin(), asserted);
      });
  return place;
}

Result<> PciBus::attach(std::unique_ptr<Place> place) {
  ORRERY_CHECK(root_.attach(place->address, *place->function));
  devices_.push_back({format("pci.{:02x}.{}", place->address.slot, place->address.function),
                      place->function.get(), &place->host->device_lock()});
  places_.push_back(std::move(place));
  return {};
}

Result<> PciBus::make_doorbells(Place& place) {
  if (services_.doorbells == nullptr) return {};
  const std::lock_guard lock(doorbells_mutex_);
  for (const DeviceHost::PostedWrite& write : place.host->posted_writes()) {
    auto rung = [host = place.host.get(), &write] {
      const std::lock_guard device_lock(host->device_lock());
      write.work();
    };
    ORRERY_TRY(auto doorbell, Doorbell::create(*services_.doorbells, services_.loop, rung));
    place.doorbells.push_back(std::move(doorbell));
  }
  return {};
}

void PciBus::move_doorbells() {
  const std::lock_guard lock(doorbells_mutex_);
  const std::vector<device::pci::MappedWindow> windows = root_.windows();
  for (const auto& place : places_) {
    for (std::size_t n = 0; n < place->doorbells.size(); ++n) {
      const DeviceHost::PostedWrite& write = place->host->posted_writes()[n];
      const auto mapped = std::ranges::find_if(windows, [&](const auto& candidate) {
        return candidate.function == place->function.get() &&
               candidate.window.space == device::pci::Space::kMemory &&
               candidate.window.region == write.region;
      });
      place->doorbells[n]->move_to(
          mapped == windows.end()
              ? std::nullopt
              : std::optional(GuestPhysical(mapped->window.base + write.offset)));
    }
  }
}

Result<> PciBus::add(const PciFunctionFactory& make) {
  if (next_slot_ >= device::pci::kSlotCount) {
    return fail("PCI bus 0: all 32 slots are taken; use fewer devices");
  }
  auto place = make_place({next_slot_, 0});
  ORRERY_TRY(place->function, make(*place->host));
  ORRERY_CHECK(make_doorbells(*place));
  ORRERY_CHECK(attach(std::move(place)));
  ++next_slot_;
  return {};
}

Result<> PciBus::assign_resources() {
  isa_bridge_->program_default_routes();
  return device::pci::assign_resources(
      root_, router_,
      {.memory_start = kPciWindowStart, .memory_end = kPciWindowEnd, .io_start = kPciPortStart});
}

std::array<std::uint8_t, device::pci::kPirqCount> PciBus::irqs() const {
  std::array<std::uint8_t, device::pci::kPirqCount> irqs{};
  for (unsigned line = 0; line < irqs.size(); ++line) irqs[line] = router_.route(line).value_or(0);
  return irqs;
}

}  // namespace orrery::machine
