// A VM that goes on from a snapshot: its options, its disks, its memory and state.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/event_loop.hpp"
#include "base/file_descriptor.hpp"
#include "machine/machine.hpp"
#include "port/blocks.hpp"
#include "snapshot/library.hpp"
#include "vmm/configuration.hpp"
#include "vmm/options.hpp"

namespace orrery::vmm {

// Of a configuration what a snapshot keeps: all that is not about one run of it, with paths that
// hold from everywhere. Before the sandbox.
std::vector<snapshot::Option> snapshot_options(const Configuration& configuration);

// A disk as a snapshot names it: its file, or what --disk said where it is only read. Before the
// sandbox.
std::string name_for_snapshots(const storage::DiskOptions& disk);

// The settings that come from the snapshot which the command line names; none where it names none.
// An error: it gives an option that the snapshot decides.
Result<std::vector<Setting>> settings_of_snapshot(std::span<const Setting> from_command_line);

// Before the machine runs.
class SnapshotStart {
 public:
  // Checks all but the memory's content. Runs the loop.
  static Result<SnapshotStart> open(EventLoop& loop, const SnapshotOptions& options);
  SnapshotStart(SnapshotStart&&) = default;
  SnapshotStart& operator=(SnapshotStart&&) = default;
  // The folder of disks that go with the run is gone by then or goes now.
  ~SnapshotStart();

  const std::string& name() const { return manifest_.name; }

  // This run's own: differencing disks over those of the snapshot, to be made.
  const std::vector<storage::DiskOptions>& disks() const { return disks_; }
  // They are open: those that are only read are what they were, and those that go with the run lose
  // their names.
  Result<> check_disks(std::span<const std::unique_ptr<port::Blocks>> disks);

  // Maps the memory, which is read as it is touched, and sets devices and processors.
  Result<> restore(machine::Machine& machine) const;

 private:
  SnapshotStart(snapshot::Library library, snapshot::Manifest manifest)
      : library_(std::move(library)), manifest_(std::move(manifest)) {}
  Result<> choose_disks(EventLoop& loop, const SnapshotOptions& options);

  snapshot::Library library_;
  snapshot::Manifest manifest_;
  std::vector<std::byte> state_;
  FileDescriptor memory_;
  FileDescriptor lock_;  // of the library, until the disks are open
  std::vector<storage::DiskOptions> disks_;
  std::string passing_folder_;  // of disks that go with the run; empty: they stay, or are gone
};

}  // namespace orrery::vmm
