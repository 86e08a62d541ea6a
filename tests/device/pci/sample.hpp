// A function with every kind of BAR and MSI-X, for the tests of device/pci/.
#pragma once

#include <cstdint>

#include "device/pci/function.hpp"
#include "device/saved_state.hpp"

namespace orrery::testing {

class SampleFunction final : public device::pci::Function {
 public:
  static constexpr unsigned kVectors = 3;

  explicit SampleFunction(device::Host& host)
      : Function(host, {.vendor = 0x1234,
                        .device = 0x5678,
                        .revision = 9,
                        .class_code = 0x01'0203,
                        .subsystem_vendor = 0xAAAA,
                        .subsystem = 0xBBBB,
                        .pin = device::pci::Pin::kA}) {
    add_bar(0, device::pci::BarKind::kMemory32, 0x1000);
    add_bar(1, device::pci::BarKind::kIo, 0x20);
    add_bar(2, device::pci::BarKind::kMemory64, 0x10'0000);
    add_msix(0, 0x800, 0xC00, kVectors);
    seal();
  }

  std::uint64_t last_written = 0;

  using Function::notify_msix;
  using Function::set_intx;

  std::string_view name() const override { return "sample"; }
  device::State save() const override { return {{"version", 1}, {"pci", save_function()}}; }
  Result<> restore(const device::State& state) override {
    return device::read_state(state, name(), 1,
                              [&] { commit_function(parse_function(state.at("pci"))); });
  }

 private:
  std::uint64_t read_bar(unsigned bar, std::uint64_t offset, Width) override {
    return bar * 0x1'0000 + offset;
  }
  void write_bar(unsigned, std::uint64_t, Width, std::uint64_t value) override {
    last_written = value;
  }
};

}  // namespace orrery::testing
