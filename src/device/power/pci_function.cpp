#include "device/power/pci_function.hpp"

#include "device/saved_state.hpp"

namespace orrery::device::power {
namespace {

constexpr pci::Identity kIdentity{
    .vendor = 0x8086, .device = 0x7113, .revision = 3, .class_code = 0x06'8000};
constexpr unsigned kPmBase = 0x40;          // PMBA; bit 0: it is an I/O address
constexpr unsigned kPmRegisterMisc = 0x80;  // PMREGMISC; bit 0: the address is decoded

}  // namespace

PowerFunction::PowerFunction(Host& host, std::uint16_t base) : Function(host, kIdentity) {
  config().set<std::uint32_t>(kPmBase, base | 1u);
  config().set<std::uint8_t>(kPmRegisterMisc, 1);
  seal();
}

State PowerFunction::save() const {
  return {{"version", 1}, {"pci", save_function()}};
}

Result<> PowerFunction::restore(const State& state) {
  return read_state(state, name(), 1, [&] { commit_function(parse_function(state.at("pci"))); });
}

std::uint64_t PowerFunction::read_bar(unsigned /*bar*/, std::uint64_t /*offset*/, Width width) {
  return mask_of(width);
}

void PowerFunction::write_bar(unsigned, std::uint64_t, Width, std::uint64_t) {}

}  // namespace orrery::device::power
