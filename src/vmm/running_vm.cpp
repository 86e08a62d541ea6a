#include "vmm/running_vm.hpp"

#include <algorithm>
#include <utility>

namespace orrery::vmm {

RunningVm::RunningVm(machine::Machine& machine, PowerControl& power,
                     std::vector<ControlledDisk> disks)
    : machine_(machine), power_(power), disks_(std::move(disks)) {
  for (const ControlledDisk& each : disks_) {
    each.disk->on_quiescent([this] { changed_.notify_all(); });
  }
}

RunningVm::~RunningVm() {
  changed_.abandon();
  static_cast<void>(resume());
  for (const ControlledDisk& each : disks_) each.disk->on_quiescent({});
}

control::Status RunningVm::status() {
  control::Status status{
      .paused = paused_,
      .hypervisor = std::string(hypervisor::name_of(machine_.hypervisor().kind())),
      .vcpus = machine_.configuration().vcpus,
      .memory = machine_.configuration().memory_size,
      .disks = {}};
  for (const ControlledDisk& each : disks_) {
    status.disks.push_back({each.path, each.disk->geometry().read_only, each.disk->under_way()});
  }
  return status;
}

// The vCPUs first: they begin what the disks then finish.
Task<Result<>> RunningVm::pause() {
  if (!std::exchange(paused_, true)) {
    machine_.pause();
    for (const ControlledDisk& each : disks_) each.disk->hold();
  }
  while (paused_ && !disks_quiescent()) co_await changed_;
  if (!paused_) co_return fail("another client has resumed the VM meanwhile");
  co_return Result<>{};
}

bool RunningVm::disks_quiescent() const {
  return std::all_of(disks_.begin(), disks_.end(),
                     [](const ControlledDisk& each) { return each.disk->quiescent(); });
}

Result<> RunningVm::resume() {
  if (!std::exchange(paused_, false)) return {};
  for (const ControlledDisk& each : disks_) each.disk->release();
  machine_.resume();
  changed_.notify_all();
  return {};
}

Result<> RunningVm::power_off() {
  if (paused_) return fail("the VM is paused, so its guest sees no button; resume it, or quit");
  power_.asked_to_end();
  return {};
}

Result<> RunningVm::reset() {
  machine_.request_reset();
  return {};
}

Result<> RunningVm::quit() {
  power_.quit();
  return {};
}

}  // namespace orrery::vmm
