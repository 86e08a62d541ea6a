#include "vmm/running_vm.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/format.hpp"

namespace orrery::vmm {

RunningVm::RunningVm(EventLoop& loop, machine::Machine& machine, PowerControl& power,
                     std::vector<ControlledDisk> disks, RemoteDevices& devices,
                     RunningVmOptions options)
    : loop_(loop),
      machine_(machine),
      power_(power),
      disks_(std::move(disks)),
      devices_(devices),
      options_(std::move(options)) {
  for (const ControlledDisk& each : disks_) {
    each.disk->on_quiescent([this] { changed_.notify_all(); });
  }
}

RunningVm::~RunningVm() {
  changed_.abandon();
  for (const ControlledDisk& each : disks_) {
    each.disk->on_quiescent({});
    if (paused_) each.disk->refuse_waiting();
  }
  static_cast<void>(resume());
}

control::Status RunningVm::status() {
  control::Status status{
      .paused = paused_,
      .hypervisor = std::string(hypervisor::name_of(machine_.hypervisor().kind())),
      .vcpus = machine_.configuration().vcpus,
      .memory = machine_.configuration().memory_size,
      .disks = {},
      .devices = devices_.status(),
      .models = options_.models};
  for (const control::RemoteDeviceStatus& each : status.devices) {
    status.models.push_back({each.name, "remote", each.server, each.found});
  }
  for (const ControlledDisk& each : disks_) {
    const port::BlockGeometry& geometry = each.disk->geometry();
    status.disks.push_back({each.path, geometry.size, geometry.read_only, each.disk->under_way()});
  }
  return status;
}

control::Figures RunningVm::figures() {
  control::Figures figures{.taken = std::chrono::steady_clock::now().time_since_epoch(),
                           .processor = ProcessUsage::processor_time(),
                           .resident = options_.meters.process.resident(),
                           .devices = {}};
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    figures.devices.push_back({format("disk{}", i), disks_[i].disk->traffic()});
  }
  for (std::size_t i = 0; i < options_.meters.networks.size(); ++i) {
    figures.devices.push_back({format("net{}", i), options_.meters.networks[i]->traffic()});
  }
  return figures;
}

// The vCPUs first: they begin what the disks then finish.
Task<Result<>> RunningVm::pause() {
  if (!paused_) {
    const Result<> stands = devices_.pause(machine_);
    if (!stands) co_return stands;
    paused_ = true;
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

Task<Result<>> RunningVm::move_device(std::string name, std::string server) {
  const auto outcome = std::make_shared<std::optional<Result<>>>();
  devices_.move(name, server, [this, outcome, alive = std::weak_ptr(alive_)](const Result<>& done) {
    *outcome = done;
    if (alive.lock()) changed_.notify_all();
  });
  while (!*outcome) co_await changed_;
  co_return **outcome;
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

Task<Result<std::unique_ptr<control::SnapshotUnderWay>>> RunningVm::begin_snapshot(
    control::SnapshotRequest request) {
  if (begun_ != nullptr) co_return fail("another client makes a snapshot; wait until it is done");
  if (ended_) co_return fail("the VM has ended");
  auto snapshot = std::make_unique<LiveSnapshot>(
      LiveSnapshot::Vm{.loop = loop_,
                       .machine = machine_,
                       .disks = disks_,
                       .disks_changed = changed_,
                       .options = options_.options,
                       .parent = options_.parent,
                       .pause = [this] { return pause(); },
                       .stop_vcpus = [this] { return devices_.pause(machine_); }},
      std::move(request));
  begun_ = snapshot.get();
  const bool ran = !paused_;
  const Result<> taken = co_await snapshot->take();
  begun_ = nullptr;
  if (!taken && ran) static_cast<void>(resume());
  if (idle_) std::exchange(idle_, nullptr)();
  if (!taken) co_return fail(taken.error());
  co_return std::unique_ptr<control::SnapshotUnderWay>(std::move(snapshot));
}

void RunningVm::end(std::function<void()> idle) {
  ended_ = true;
  if (begun_ == nullptr) return idle();
  begun_->cancel();
  idle_ = std::move(idle);
}

}  // namespace orrery::vmm
