// The ISA bridge at 00:01.0: function 0 of an Intel PIIX3 (82371SB datasheet, 2.2), with the four
// registers PIRQRC[A:D] that route PCI interrupts to ISA IRQs.
#pragma once

#include "device/pci/function.hpp"
#include "device/pci/interrupt_router.hpp"

namespace orrery::device::pci {

class IsaBridge final : public Function {
 public:
  // The router outlives the bridge.
  IsaBridge(Host& host, InterruptRouter& router);

  std::string_view name() const override { return "piix3"; }
  void reset() override;
  State save() const override;
  Result<> restore(const State& state) override;

  // PIRQRC as firmware leaves them: PIRQA and PIRQC to IRQ 10, PIRQB and PIRQD to IRQ 11.
  void program_default_routes();

 private:
  std::uint64_t read_bar(unsigned bar, std::uint64_t offset, Width width) override;
  void write_bar(unsigned bar, std::uint64_t offset, Width width, std::uint64_t value) override;
  void after_config_write(std::uint64_t offset, Width width) override;
  void apply_routes();

  InterruptRouter& router_;
};

}  // namespace orrery::device::pci
