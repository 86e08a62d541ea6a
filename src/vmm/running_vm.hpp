// The VM as its control socket sees it: the machine, its disks, and how it is ended.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.hpp"
#include "storage/gated_disk.hpp"
#include "vmm/control/target.hpp"
#include "vmm/power_control.hpp"

namespace orrery::vmm {

struct ControlledDisk {
  std::string path;  // as the user named it
  storage::GatedDisk* disk = nullptr;
};

// On the loop's thread, or while the loop is not running.
class RunningVm final : public control::Target {
 public:
  // All outlive it.
  RunningVm(machine::Machine& machine, PowerControl& power, std::vector<ControlledDisk> disks);
  // Lets go what is paused. Tasks of it are gone by then.
  ~RunningVm() override;

  control::Status status() override;
  Task<Result<>> pause() override;
  Result<> resume() override;
  Result<> power_off() override;
  Result<> reset() override;
  Result<> quit() override;

 private:
  bool disks_quiescent() const;

  machine::Machine& machine_;
  PowerControl& power_;
  const std::vector<ControlledDisk> disks_;
  bool paused_ = false;
  Changed changed_;  // paused_, or which disks are quiescent
};

}  // namespace orrery::vmm
