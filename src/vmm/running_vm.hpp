// The VM as its control socket sees it: the machine, its disks, and how it is ended.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/loop/event_loop.hpp"
#include "machine/machine.hpp"
#include "network/counted_frames.hpp"
#include "vmm/control/target.hpp"
#include "vmm/host/process_usage.hpp"
#include "vmm/power_control.hpp"
#include "vmm/remote/remote_devices.hpp"
#include "vmm/snapshot/live_snapshot.hpp"

namespace orrery::vmm {

// What it has used is asked of these.
struct Meters {
  ProcessUsage process;
  std::vector<const network::CountedFrames*> networks;  // in the order of --net
};

struct RunningVmOptions {
  // What a snapshot of it has to say besides.
  std::vector<snapshot::Option> options;  // that make the machine what it is
  std::string parent;                     // the snapshot that it goes on from; empty: none
  Meters meters;
  std::vector<control::ModelStatus> models;  // in this process
};

// On the loop's thread, or while the loop is not running.
class RunningVm final : public control::Target {
 public:
  // All outlive it.
  RunningVm(EventLoop& loop, machine::Machine& machine, PowerControl& power,
            std::vector<ControlledDisk> disks, RemoteDevices& devices, RunningVmOptions options);
  // The machine has ended. What a paused one would still have done to its disks is not done: they
  // may be those of a snapshot. Tasks of it are gone by then.
  ~RunningVm() override;

  // The machine has ended. IDLE is called when no snapshot works on its disks any more, perhaps at
  // once, and none does from then on.
  void end(std::function<void()> idle);

  control::Status status() override;
  control::Figures figures() override;
  Task<Result<>> pause() override;
  Result<> resume() override;
  Result<> power_off() override;
  Result<> reset() override;
  Result<> quit() override;
  Task<Result<>> move_device(std::string name, std::string server) override;
  Task<Result<std::unique_ptr<control::SnapshotUnderWay>>> begin_snapshot(
      control::SnapshotRequest request) override;

 private:
  bool disks_quiescent() const;

  EventLoop& loop_;
  machine::Machine& machine_;
  PowerControl& power_;
  const std::vector<ControlledDisk> disks_;
  RemoteDevices& devices_;
  RunningVmOptions options_;
  bool paused_ = false;
  Changed changed_;  // paused_, which disks are quiescent, or what came of a move
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  LiveSnapshot* begun_ = nullptr;  // on its way to its instant
  bool ended_ = false;
  std::function<void()> idle_;
};

}  // namespace orrery::vmm
