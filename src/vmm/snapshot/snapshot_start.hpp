// A VM that goes on from a snapshot: its options, its disks, its memory and state.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"
#include "base/loop/event_loop.hpp"
#include "machine/machine.hpp"
#include "memory/page_supply.hpp"
#include "port/blocks.hpp"
#include "snapshot/library.hpp"
#include "storage/disk_image.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::vmm {

// Before the machine runs.
class SnapshotStart {
 public:
  // From a library or an image store. Checks all but the memory's content. Runs the loop.
  static Result<SnapshotStart> open(EventLoop& loop, const SnapshotOptions& options);
  SnapshotStart(SnapshotStart&&) = default;
  SnapshotStart& operator=(SnapshotStart&&) = default;
  // The folder of disks that go with the run is gone by then or goes now.
  ~SnapshotStart();

  const std::string& name() const { return manifest_.name; }
  const storage::OpenReport& report() const { return report_; }

  // This run's own: differencing disks over those of the snapshot, to be made; or the VM's, where
  // it had ended with the snapshot.
  const std::vector<storage::DiskOptions>& disks() const { return disks_; }
  // They are open: those that are no new ones are what they were, and those that go with the run
  // lose their names.
  Result<> check_disks(std::span<const std::unique_ptr<port::Blocks>> disks);

  // Sets memory, devices and processors. Memory is read as it is touched: what is returned, if
  // anything is, brings it in, and the machine outlives it. FAILED: as PageSupply's.
  Result<std::unique_ptr<memory::PageSupply>> restore(machine::Machine& machine,
                                                      std::function<void(const Error&)> failed);

 private:
  explicit SnapshotStart(snapshot::Manifest manifest) : manifest_(std::move(manifest)) {}
  static Result<SnapshotStart> open_kept(const SnapshotOptions& options);
  static Result<SnapshotStart> open_stored(EventLoop& loop, const SnapshotOptions& options);
  Result<> choose_folder(const SnapshotOptions& options);
  Result<> choose_disks(EventLoop& loop);
  Result<storage::DiskOptions> find_disk(EventLoop& loop, const snapshot::Disk& saved) const;

  snapshot::Manifest manifest_;
  std::vector<std::byte> state_;
  std::optional<snapshot::Library> library_;      // none: it is in a store
  FileDescriptor lock_;                           // of the library, until the disks are open
  FileDescriptor memory_;                         // a library's
  std::unique_ptr<memory::PageSource> supplied_;  // a store's
  storage::OpenReport report_;
  std::string folder_;  // of the disks that are written
  std::vector<storage::DiskOptions> disks_;
  bool passing_ = false;  // the folder goes with the run
};

}  // namespace orrery::vmm
