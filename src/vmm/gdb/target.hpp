// What a debugger's session acts on: a machine, or a double of one.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/types.hpp"
#include "hypervisor/debug_request.hpp"
#include "x86/state.hpp"

namespace orrery::vmm::gdb {

enum class Go : std::uint8_t { kStay, kStep, kContinue };

class Target {
 public:
  virtual ~Target() = default;

  virtual unsigned vcpus() const = 0;

  // ---- While stopped ----
  virtual Result<x86::CpuState> state(VcpuId id) = 0;
  virtual Result<> set_state(VcpuId id, const x86::CpuState& state) = 0;
  // Guest-linear memory as that vCPU sees it, whatever its privilege; how many bytes there were.
  virtual std::size_t read_memory(VcpuId id, GuestLinear address, MutableByteSpan destination) = 0;
  // All or nothing; true: all.
  virtual bool write_memory(VcpuId id, GuestLinear address, ByteSpan source) = 0;
  // What each vCPU does, and what stops it. An error: nothing goes.
  virtual Result<> resume(const std::vector<Go>& vcpus, const hypervisor::DebugRequest& stops) = 0;

  // ---- Any time ----
  // All vCPUs stand when it returns.
  virtual void stop() = 0;
  // Ends the machine.
  virtual void end() = 0;
};

}  // namespace orrery::vmm::gdb
