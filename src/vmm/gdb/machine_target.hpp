// The machine as a debugger's target.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "base/loop/event_loop.hpp"
#include "machine/machine.hpp"
#include "vmm/gdb/target.hpp"

namespace orrery::vmm::gdb {

// On the loop's thread, or while the machine is not running. Loop and machine outlive it.
class MachineTarget final : public Target {
 public:
  // TRAPPED is called on the loop.
  using Trapped = std::function<void(VcpuId id, const hypervisor::DebugTrap& trap)>;
  MachineTarget(EventLoop& loop, machine::Machine& machine, Trapped trapped);
  ~MachineTarget() override;

  unsigned vcpus() const override { return machine_.configuration().vcpus; }
  Result<x86::CpuState> state(VcpuId id) override { return machine_.vcpu(id).state(); }
  Result<> set_state(VcpuId id, const x86::CpuState& state) override {
    return machine_.vcpu(id).set_state(state);
  }
  std::size_t read_memory(VcpuId id, GuestLinear address, MutableByteSpan destination) override;
  bool write_memory(VcpuId id, GuestLinear address, ByteSpan source) override;
  Result<> resume(const std::vector<Go>& vcpus, const hypervisor::DebugRequest& stops) override;
  void stop() override;
  void end() override { machine_.request_stop(); }

 private:
  machine::Machine& machine_;
  bool stopped_ = false;  // by stop()
  // Pauses that traps began, which count until somebody resumes. Written by vCPU threads.
  std::shared_ptr<std::atomic<unsigned>> begun_ = std::make_shared<std::atomic<unsigned>>(0);
};

}  // namespace orrery::vmm::gdb
