// What the control socket acts on: a VM, or what stands for it in tests. On the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/task.hpp"
#include "base/types.hpp"
#include "port/traffic.hpp"
#include "snapshot/manifest.hpp"

namespace orrery::vmm::control {

struct DiskStatus {
  std::string path;  // of the file that is written, absolute; of others as --disk names it
  Bytes size;
  bool read_only = false;
  unsigned under_way = 0;  // requests that the disk works on
};

// A device whose model is on a server.
struct RemoteDeviceStatus {
  std::string name;    // that its server knows it by
  std::string server;  // host:port
  bool found = true;   // otherwise it is being looked for there
};

// A device model that the guest sees.
struct ModelStatus {
  std::string name;    // "disk0": numbered as --disk is, or the name that its server knows
  std::string kind;    // "serial", "disk", "network", "console", "entropy" or "remote"
  std::string server;  // host:port; empty: it runs in the VM's own process
  bool found = true;   // otherwise it is being looked for there
};

struct Status {
  bool paused = false;
  std::string hypervisor;  // its kind's name
  unsigned vcpus = 0;
  Bytes memory;
  std::vector<DiskStatus> disks;
  std::vector<RemoteDeviceStatus> devices{};
  std::vector<ModelStatus> models{};  // those of `devices` among them
};

// What has passed a device.
struct DeviceFigures {
  std::string name;  // "disk0", "net0": numbered as --disk and --net are
  port::Traffic traffic;
};

// What a VM has used since its process began.
struct Figures {
  std::chrono::nanoseconds taken{};      // when, since an instant of the host's
  std::chrono::nanoseconds processor{};  // time, of all its threads
  Bytes resident;                        // memory of the host that the process has
  std::vector<DeviceFigures> devices;
};

// A snapshot, and what it is written to; the files are open.
struct SnapshotRequest {
  std::string name;
  // The VM stands from the snapshot's instant on, and its disks stay where they are, without
  // overlays: for a VM that is to end there.
  bool stay = false;
  FileDescriptor memory;
  FileDescriptor state;
  // For each disk that is written, in their order.
  struct Overlay {
    FileDescriptor file;
    std::string path;
  };
  std::vector<Overlay> overlays;
};

struct SnapshotReport {
  std::chrono::nanoseconds pause{};  // from asking the vCPUs to stop until they were let go
  std::uint64_t copied_pages = 0;    // while they stood
};

// A snapshot whose instant has passed. The machine runs again, but its disks are held: whoever
// asked for the snapshot now gives the overlays the disks' names, or does not. Destroyed, or at
// finish(), a disk goes on with its overlay if that has its name, and otherwise as it was. (A VM
// that stays is paused, until somebody resumes it.)
class SnapshotUnderWay {
 public:
  virtual ~SnapshotUnderWay() = default;
  // What the VM knows of it: all but names and digests.
  virtual snapshot::Manifest manifest() const = 0;
  // Lets the disks go, and waits until memory and state are written. Once.
  virtual Task<Result<SnapshotReport>> finish() = 0;
};

class Target {
 public:
  virtual ~Target() = default;

  virtual Status status() = 0;
  virtual Figures figures() = 0;
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
  // Has a remote device's model go on at SERVER (HOST[:PORT]). Done when it does; an error: it goes
  // on where it was.
  virtual Task<Result<>> move_device(std::string name, std::string server) = 0;
  // One at a time.
  virtual Task<Result<std::unique_ptr<SnapshotUnderWay>>> begin_snapshot(
      SnapshotRequest request) = 0;
};

}  // namespace orrery::vmm::control
