// A debugger's target without a machine: states that can be set, a little memory, and a record of
// what was asked.
#pragma once

#include <algorithm>
#include <vector>

#include "vmm/gdb/target.hpp"

namespace orrery::testing {

class FakeDebugTarget : public vmm::gdb::Target {
 public:
  static constexpr std::uint64_t kMemory = 0x1000;  // the first mapped address

  explicit FakeDebugTarget(unsigned vcpus = 2) : states(vcpus), memory(256) {}

  unsigned vcpus() const override { return static_cast<unsigned>(states.size()); }
  Result<x86::CpuState> state(VcpuId id) override { return states.at(id.value()); }
  Result<> set_state(VcpuId id, const x86::CpuState& state) override {
    states.at(id.value()) = state;
    return {};
  }
  std::size_t read_memory(VcpuId, GuestLinear address, MutableByteSpan destination) override {
    const std::uint64_t offset = address.value() - kMemory;
    if (offset >= memory.size()) return 0;
    const std::size_t count = std::min<std::size_t>(destination.size(), memory.size() - offset);
    std::copy_n(memory.begin() + static_cast<std::ptrdiff_t>(offset), count, destination.begin());
    return count;
  }
  bool write_memory(VcpuId, GuestLinear address, ByteSpan source) override {
    const std::uint64_t offset = address.value() - kMemory;
    if (offset > memory.size() || source.size() > memory.size() - offset) return false;
    std::ranges::copy(source, memory.begin() + static_cast<std::ptrdiff_t>(offset));
    return true;
  }
  Result<> resume(const std::vector<vmm::gdb::Go>& vcpus,
                  const hypervisor::DebugRequest& request) override {
    if (request.breakpoints.size() > 4) return fail("four are the most");
    gone = vcpus;
    stops = request;
    running = true;
    return {};
  }
  void stop() override { running = false; }
  void end() override { ended = true; }

  std::vector<x86::CpuState> states;
  std::vector<std::byte> memory;
  std::vector<vmm::gdb::Go> gone;
  hypervisor::DebugRequest stops;
  bool running = true;
  bool ended = false;
};

}  // namespace orrery::testing
