#include "vmm/gdb/machine_target.hpp"

#include <utility>

#include "vmm/gdb/linear_memory.hpp"

namespace orrery::vmm::gdb {

MachineTarget::MachineTarget(EventLoop& loop, machine::Machine& machine, Trapped trapped)
    : machine_(machine) {
  machine_.set_debug_handler([&loop, begun = begun_, trapped = std::move(trapped)](
                                 VcpuId id, const hypervisor::DebugTrap& trap) {
    begun->fetch_add(1);
    loop.post([trapped, id, trap] { trapped(id, trap); });
  });
}

MachineTarget::~MachineTarget() {
  machine_.set_debug_handler({});
}

std::size_t MachineTarget::read_memory(VcpuId id, GuestLinear address,
                                       MutableByteSpan destination) {
  const auto seen_by = state(id);
  return seen_by ? read_linear(*seen_by, machine_.memory(), address, destination) : 0;
}

bool MachineTarget::write_memory(VcpuId id, GuestLinear address, ByteSpan source) {
  const auto seen_by = state(id);
  return seen_by && write_linear(*seen_by, machine_.memory(), address, source);
}

void MachineTarget::stop() {
  if (std::exchange(stopped_, true)) return;
  machine_.pause();
}

Result<> MachineTarget::resume(const std::vector<Go>& vcpus,
                               const hypervisor::DebugRequest& stops) {
  for (unsigned n = 0; n < vcpus.size(); ++n) {
    hypervisor::DebugRequest request = stops;
    request.step = vcpus[n] == Go::kStep;
    ORRERY_CHECK(machine_.vcpu(VcpuId(n)).set_debug(request));
    machine_.hold(VcpuId(n), vcpus[n] == Go::kStay);
  }
  for (unsigned left = begun_->exchange(0); left > 0; --left) machine_.resume();
  if (std::exchange(stopped_, false)) machine_.resume();
  return {};
}

}  // namespace orrery::vmm::gdb
