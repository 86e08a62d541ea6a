// The power management function at 00:01.3: function 3 of a PIIX4 (82371AB datasheet, 7.1), which
// says where the ACPI registers are. They themselves are in power.hpp and do not move.
#pragma once

#include "device/pci/function.hpp"

namespace orrery::device::power {

class PowerFunction final : public pci::Function {
 public:
  PowerFunction(Host& host, std::uint16_t base);

  std::string_view name() const override { return "piix4-pm"; }
  State save() const override;
  Result<> restore(const State& state) override;

 private:
  std::uint64_t read_bar(unsigned bar, std::uint64_t offset, Width width) override;
  void write_bar(unsigned bar, std::uint64_t offset, Width width, std::uint64_t value) override;
};

}  // namespace orrery::device::power
