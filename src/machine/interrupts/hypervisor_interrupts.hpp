// Interrupt controllers inside the hypervisor, as the machine uses and saves them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "device/device.hpp"
#include "hypervisor/hypervisor.hpp"
#include "machine/interrupts/interrupts.hpp"

namespace orrery::machine {

class HypervisorInterrupts : public InterruptSink {
 public:
  // CONTROLLER outlives this.
  explicit HypervisorInterrupts(hypervisor::InterruptController& controller);
  ~HypervisorInterrupts() override;

  // The vCPUs, which outlive this, before they run: their local APICs are saved and reset with the
  // controllers.
  Result<> attach(std::vector<hypervisor::Vcpu*> vcpus);

  // ---- Any thread ----
  void set_irq(unsigned gsi, bool asserted) override { controller_.set_line(gsi, asserted); }
  void send_msi(std::uint64_t address, std::uint32_t data) override {
    controller_.send_msi(address, data);
  }

  // ---- While the vCPUs stand; after their own states were set ----
  Result<> reset();
  Result<device::State> save() const;
  Result<> restore(const device::State& tree);

 private:
  struct Saved;

  Result<Saved> read() const;
  Result<> write(const Saved& saved);

  hypervisor::InterruptController& controller_;
  std::vector<hypervisor::Vcpu*> vcpus_;
  std::unique_ptr<Saved> power_up_;
};

}  // namespace orrery::machine
