// What the control socket acts on: a VM, or what stands for it in tests. On the loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "base/types.hpp"

namespace orrery::vmm::control {

struct DiskStatus {
  std::string path;
  bool read_only = false;
  unsigned under_way = 0;  // requests that the disk works on
};

struct Status {
  bool paused = false;
  std::string hypervisor;  // its kind's name
  unsigned vcpus = 0;
  Bytes memory;
  std::vector<DiskStatus> disks;
};

class Target {
 public:
  virtual ~Target() = default;

  virtual Status status() = 0;
  // Done when all vCPUs stand, the machine's clock too, and no request is under way in a disk. Once
  // is as good as twice. An error: somebody resumed it meanwhile.
  virtual Task<Result<>> pause() = 0;
  virtual Result<> resume() = 0;
  // Presses the ACPI power button. The second time, or where the guest has not powered off within
  // ten seconds, ends the VM. An error: it is paused, so the guest could not see it.
  virtual Result<> power_off() = 0;
  // Presses the reset button.
  virtual Result<> reset() = 0;
  // Ends the VM at once.
  virtual Result<> quit() = 0;
};

}  // namespace orrery::vmm::control
