// Executes tests on a hypervisor through seam 1: any backend that offers a Vm.
//
// A test runs in ring 3 or ring 0 of the address space that vm/address_space.hpp lays out. It ends
// at the exit page or at an exception; either way the processor halts in a handler, whose address
// and stack frame tell what happened.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "hypervisor/hypervisor.hpp"
#include "isa/executor.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::isa::vm {

using VmFactory =
    std::function<Result<std::unique_ptr<hypervisor::Vm>>(memory::GuestMemory& memory)>;

class VmExecutor final : public Executor {
 public:
  static Result<std::unique_ptr<VmExecutor>> create(std::string name, const VmFactory& factory);
  ~VmExecutor() override;

  std::string_view name() const override { return name_; }
  bool supports(Mode) const override { return true; }
  void load_code(std::uint64_t offset, std::span<const std::byte> code) override;
  std::span<std::byte> data() override;
  Outcome run(Mode mode, const Snapshot& start) override;

 private:
  class QuietEnvironment;
  class Watchdog;

  VmExecutor() = default;
  Outcome halted(Mode mode) const;

  std::string name_;
  std::unique_ptr<memory::GuestMemory> memory_;
  std::unique_ptr<QuietEnvironment> environment_;
  std::unique_ptr<hypervisor::Vm> vm_;
  std::unique_ptr<hypervisor::Vcpu> vcpu_;
  std::unique_ptr<Watchdog> watchdog_;
  x86::CpuState starting_states_[3];
};

}  // namespace orrery::isa::vm
