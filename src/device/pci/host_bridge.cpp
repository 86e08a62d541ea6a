#include "device/pci/host_bridge.hpp"

#include "device/saved_state.hpp"

namespace orrery::device::pci {
namespace {

constexpr Identity kIdentity{
    .vendor = 0x8086, .device = 0x1237, .revision = 2, .class_code = 0x06'0000};

// 82441FX, 3.2.18 and 3.2.20: programmable attribute map and SMRAM control.
constexpr unsigned kPam0 = 0x59;
constexpr unsigned kPamCount = 7;
constexpr unsigned kSmram = 0x72;
constexpr std::uint8_t kSmramPowerUp = 0x02;

}  // namespace

HostBridge::HostBridge(Host& host) : Function(host, kIdentity) {
  for (unsigned i = 0; i < kPamCount; ++i) config().set_writable<std::uint8_t>(kPam0 + i, 0x33);
  config().set<std::uint8_t>(kSmram, kSmramPowerUp);
  config().set_writable<std::uint8_t>(kSmram, 0x78);
  seal();
}

State HostBridge::save() const {
  return {{"version", 1}, {"pci", save_function()}};
}

Result<> HostBridge::restore(const State& state) {
  return read_state(state, name(), 1, [&] { commit_function(parse_function(state.at("pci"))); });
}

std::uint64_t HostBridge::read_bar(unsigned, std::uint64_t, Width width) {
  return mask_of(width);
}

void HostBridge::write_bar(unsigned, std::uint64_t, Width, std::uint64_t) {}

}  // namespace orrery::device::pci
