// A hypervisor whose vCPUs execute C++ functions instead of a guest: the machine's run loop, gates
// and interrupts are tested without an engine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "hypervisor/hypervisor.hpp"

namespace orrery::testing {

class ScriptedVcpu;

// What a vCPU does in one run(); called again for every run().
using Script = std::function<hypervisor::Exit(ScriptedVcpu& vcpu)>;

class ScriptedVcpu : public hypervisor::Vcpu {
 public:
  ScriptedVcpu(VcpuId number, hypervisor::Environment& surroundings, const Script& script)
      : id(number), environment(surroundings), script_(script) {}

  hypervisor::Exit run() override {
    ++runs;
    if (stopped_.exchange(false)) return hypervisor::Stopped{};
    return script_(*this);
  }
  void stop() override {
    stopped_ = true;
    stopped_.notify_all();
  }
  void interrupt() override {}
  Result<x86::CpuState> state() const override { return state_; }
  Result<> set_state(const x86::CpuState& state) override {
    state_ = state;
    return {};
  }
  Result<> set_cpuid(const x86::CpuidTable& table) override {
    cpuid = table;
    return {};
  }
  Result<> set_debug(const hypervisor::DebugRequest& request) override {
    debug = request;
    return {};
  }
  hypervisor::VcpuStatistics statistics() const override { return {.instructions = runs}; }

  // A guest that computes until it is stopped.
  hypervisor::Exit spin() {
    stopped_.wait(false);
    stopped_ = false;
    return hypervisor::Stopped{};
  }
  // HLT: returns at once where an interrupt waits.
  hypervisor::Exit halt() const { return hypervisor::Halted{}; }

  const VcpuId id;
  hypervisor::Environment& environment;
  x86::CpuidTable cpuid;
  hypervisor::DebugRequest debug;
  std::atomic<std::uint64_t> runs{0};

 private:
  const Script& script_;
  x86::CpuState state_ = x86::reset_state();
  std::atomic<bool> stopped_{false};
};

class ScriptedVm : public hypervisor::Vm {
 public:
  explicit ScriptedVm(Script script) : script_(std::move(script)) {}

  hypervisor::Kind kind() const override { return hypervisor::Kind::kSoft; }
  x86::CpuidTable supported_cpuid() const override {
    x86::CpuidTable table;
    table.set({.leaf = 0, .registers = {7, 0, 0, 0}});
    table.set({.leaf = 1, .registers = {0x600, 0, 0, 0}});
    return table;
  }
  std::uint64_t time_stamp_frequency() const override { return 1'000'000'000; }
  Result<std::unique_ptr<hypervisor::Vcpu>> create_vcpu(VcpuId id,
                                                        hypervisor::Environment& e) override {
    return std::make_unique<ScriptedVcpu>(id, e, script_);
  }
  hypervisor::Doorbells* doorbells() override { return bells; }
  Result<> start_dirty_log() override { return {}; }
  Result<std::vector<memory::PageRun>> take_dirty_pages() override {
    return std::vector<memory::PageRun>{};
  }
  Result<> stop_dirty_log() override { return {}; }

  hypervisor::Doorbells* bells = nullptr;  // where a test has some

 private:
  Script script_;
};

}  // namespace orrery::testing
