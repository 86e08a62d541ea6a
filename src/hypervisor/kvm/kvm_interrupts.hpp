// KVM's in-kernel interrupt controllers behind seam 1.
#pragma once

#include "hypervisor/interrupt_controller.hpp"
#include "hypervisor/kvm/interrupt_routes.hpp"
#include "hypervisor/kvm/kvm_file.hpp"

namespace orrery::hypervisor::kvm {

class KvmInterruptController : public InterruptController {
 public:
  // VM outlives the controller.
  explicit KvmInterruptController(const KvmFile& vm) : vm_(vm), routes_(vm) {}

  // Makes the controllers; before vCPUs are made.
  Result<> set_up();

  void set_line(std::uint32_t gsi, bool asserted) override;
  void send_msi(std::uint64_t address, std::uint32_t data) override;
  Result<ControllerState> state() const override;
  Result<> set_state(const ControllerState& state) override;
  Result<std::unique_ptr<InterruptEvent>> create_event() override;

 private:
  class Event;

  const KvmFile& vm_;
  InterruptRoutes routes_;
};

}  // namespace orrery::hypervisor::kvm
