#include "device/pci/isa_bridge.hpp"

#include "device/saved_state.hpp"

namespace orrery::device::pci {
namespace {

constexpr Identity kIdentity{.vendor = 0x8086, .device = 0x7000, .class_code = 0x06'0100};

// PIRQRC[A:D], 82371SB 2.2.10: bit 7 routing off, bits 3..0 the IRQ.
constexpr unsigned kPirqRouteControl = 0x60;
constexpr std::uint8_t kRoutingOff = 1u << 7;
constexpr std::uint8_t kIrqMask = 0x0F;
// IRQs that PIRQRC may name: 3 to 7, 9 to 12, 14, 15.
constexpr std::uint16_t kAllowedIrqs = 0b1101'1110'1111'1000;

constexpr std::array<std::uint8_t, kPirqCount> kFirmwareRoutes{10, 11, 10, 11};

}  // namespace

IsaBridge::IsaBridge(Host& host, InterruptRouter& router)
    : Function(host, kIdentity), router_(router) {
  for (unsigned line = 0; line < kPirqCount; ++line) {
    config().set<std::uint8_t>(kPirqRouteControl + line, kRoutingOff);
    config().set_writable<std::uint8_t>(kPirqRouteControl + line, kRoutingOff | kIrqMask);
  }
  seal();
}

void IsaBridge::reset() {
  Function::reset();
  apply_routes();
}

void IsaBridge::program_default_routes() {
  for (unsigned line = 0; line < kPirqCount; ++line) {
    write(kConfigRegion, kPirqRouteControl + line, Width::k8, kFirmwareRoutes[line]);
  }
}

void IsaBridge::after_config_write(std::uint64_t offset, Width width) {
  if (offset < kPirqRouteControl + kPirqCount && offset + bytes_of(width) > kPirqRouteControl) {
    apply_routes();
  }
}

void IsaBridge::apply_routes() {
  for (unsigned line = 0; line < kPirqCount; ++line) {
    const auto control = config().get<std::uint8_t>(kPirqRouteControl + line);
    const std::uint8_t irq = control & kIrqMask;
    const bool routed = (control & kRoutingOff) == 0 && ((kAllowedIrqs >> irq) & 1) != 0;
    router_.set_route(line, routed ? std::optional(irq) : std::nullopt);
  }
}

State IsaBridge::save() const {
  return {{"version", 1}, {"pci", save_function()}};
}

Result<> IsaBridge::restore(const State& state) {
  return read_state(state, name(), 1, [&] {
    commit_function(parse_function(state.at("pci")));
    apply_routes();
  });
}

std::uint64_t IsaBridge::read_bar(unsigned, std::uint64_t, Width width) {
  return mask_of(width);
}

void IsaBridge::write_bar(unsigned, std::uint64_t, Width, std::uint64_t) {}

}  // namespace orrery::device::pci
