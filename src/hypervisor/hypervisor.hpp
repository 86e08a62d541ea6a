// Seam 1: who executes the guest.
//
// A Vm joins guest memory and vCPUs; a machine never knows which hypervisor runs it, except for its
// kind's name. Guest memory, environments and cpuid tables outlive the Vm; vCPUs do not outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/types.hpp"
#include "hypervisor/debug_request.hpp"
#include "hypervisor/doorbells.hpp"
#include "hypervisor/environment.hpp"
#include "hypervisor/exit.hpp"
#include "hypervisor/interrupt_controller.hpp"
#include "memory/guest_memory.hpp"
#include "x86/cpuid.hpp"
#include "x86/state.hpp"

namespace orrery::hypervisor {

enum class Kind : std::uint8_t { kKvm, kSoft };

constexpr std::string_view name_of(Kind kind) {
  return kind == Kind::kKvm ? "kvm" : "soft";
}

// What a vCPU has done so far; counters that a backend cannot tell are 0.
struct VcpuStatistics {
  std::uint64_t instructions = 0;
  bool counts_instructions = false;  // all that have retired, exactly
  std::uint64_t interrupts = 0;
  std::uint64_t exceptions = 0;
  std::uint64_t port_accesses = 0;
  std::uint64_t device_memory_accesses = 0;
  // By a software engine.
  std::uint64_t tlb_misses = 0;
  std::uint64_t tlb_neighbours = 0;       // brought in beside
  std::uint64_t address_space_loads = 0;  // of CR3
  std::uint64_t address_spaces_kept = 0;  // found as they were left
  // What else a backend counts, by name.
  struct Detail {
    std::string name;
    std::uint64_t count;
  };
  std::vector<Detail> details{};
};

class Vcpu {
 public:
  virtual ~Vcpu() = default;

  // Executes the guest on the calling thread (always the same one) until something ends it. The
  // state is then at an instruction boundary.
  virtual Exit run() = 0;

  // Makes the current or next run() return Stopped soon, within a few basic blocks. Any thread.
  virtual void stop() = 0;

  // Says that the environment's answers about interrupts may have changed: a run() in progress
  // looks at them before the next basic block. Any thread.
  virtual void interrupt() = 0;

  // Only while run() is not executing.
  virtual Result<x86::CpuState> state() const = 0;
  virtual Result<> set_state(const x86::CpuState& state) = 0;
  virtual Result<> set_cpuid(const x86::CpuidTable& table) = 0;

  // The local APIC, where the hypervisor has it (Vm::interrupt_controller()); to be set after the
  // state. Only while run() is not executing.
  virtual Result<LocalApicState> local_apic() const {
    return fail("this hypervisor has no local APICs");
  }
  virtual Result<> set_local_apic(const LocalApicState& /*state*/) {
    return fail("this hypervisor has no local APICs");
  }

  // What to stop for from the next run() on, in place of what was asked before. A run() that begins
  // at a breakpoint which the last one reported goes past it. An error: this hypervisor cannot have
  // that many, or watch that. Only while run() is not executing.
  //
  // A processor has four debug registers, so on hardware there are four breakpoints and watchpoints
  // in all, and the guest's own do nothing meanwhile.
  virtual Result<> set_debug(const DebugRequest& request) = 0;

  // ---- Counted mode (decision 14) ----
  //
  // The instructions that have retired, in the sense of the processors' own INST_RETIRED counters:
  // one that faults has not, a repeated string instruction counts once, when it is done, and the
  // delivery of an interrupt or exception counts nothing. Nothing where this vCPU does not count.
  // While run() is not executing, or on its thread from within Environment's functions: then the
  // instruction that calls them has not retired yet.
  virtual std::optional<std::uint64_t> retired_instructions() const { return std::nullopt; }
  // run() returns CountReached where that count is COUNT, before anything else happens there, or at
  // once where it is more already; once. Nothing: it does not. An error: this vCPU does not count.
  // Only while run() is not executing.
  virtual Result<> stop_at(std::optional<std::uint64_t> /*count*/) {
    return fail("this hypervisor does not count instructions");
  }

  virtual VcpuStatistics statistics() const = 0;
};

class Vm {
 public:
  virtual ~Vm() = default;

  virtual Kind kind() const = 0;

  // CPUID as this hypervisor can give it on this host, without topology, which is the machine's to
  // fill in.
  virtual x86::CpuidTable supported_cpuid() const = 0;

  // Frequency at which guests should be told that the time-stamp counter runs.
  virtual std::uint64_t time_stamp_frequency() const = 0;

  // Whether a guest's time-stamp counter is Environment::time_stamp(), and not one that runs by
  // itself at the same frequency.
  virtual bool reads_environments_time_stamp() const { return true; }

  // Ids are given from 0 upwards. The vCPU starts in x86::reset_state().
  virtual Result<std::unique_ptr<Vcpu>> create_vcpu(VcpuId id, Environment& environment) = 0;

  // ---- Pages written: for migration and snapshots ----
  //
  // From start_dirty_log() on, every page is noted that a vCPU writes, or a device through
  // GuestMemory. take_dirty_pages() moves out what was noted since the start or the last call, in
  // ascending order. Whoever copies a page does so after that call has returned: what is written
  // later is in a later answer. What a vCPU writes during the call may be in either, so the last
  // call is for stopped vCPUs.
  //
  // One user at a time; any thread, but with no device's lock held, as a vCPU may wait for it.
  virtual Result<> start_dirty_log() = 0;
  virtual Result<std::vector<memory::PageRun>> take_dirty_pages() = 0;
  virtual Result<> stop_dirty_log() = 0;

  // Non-null when the hypervisor brings its own controllers; the machine then makes none, and HLT
  // and start-up IPIs are handled inside.
  virtual InterruptController* interrupt_controller() { return nullptr; }

  // Non-null when the hypervisor can signal writes without stopping the vCPU.
  virtual Doorbells* doorbells() { return nullptr; }
};

}  // namespace orrery::hypervisor
