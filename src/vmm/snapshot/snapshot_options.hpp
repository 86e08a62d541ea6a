// Which options of a VM a snapshot of it keeps, and which a VM has that goes on from one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "snapshot/manifest.hpp"
#include "vmm/options/configuration.hpp"
#include "vmm/options/options.hpp"

namespace orrery::vmm {

// Of a configuration what a snapshot keeps: all that is not about one run of it, with paths that
// hold from everywhere. Before the sandbox.
std::vector<snapshot::Option> snapshot_options(const Configuration& configuration);

// A disk as a snapshot names it: its file, or what --disk said where it is only read. Before the
// sandbox.
std::string name_for_snapshots(const storage::DiskOptions& disk);
// All that --disk said, with absolute paths.
std::string option_for_snapshots(const storage::DiskOptions& disk);

// The settings that come from the snapshot which the command line names; none where it names none.
// An error: it gives an option that the snapshot decides.
Result<std::vector<Setting>> settings_of_snapshot(std::span<const Setting> from_command_line);

// Of what a snapshot keeps, what means the same on every host: files of this one are left away, and
// what led to it (sockets, files, tap interfaces, forwarded ports) leads to a pty or to NAT
// instead. So a snapshot from somebody else opens nothing here that its user did not name. An
// error: it has device models on another host.
Result<std::vector<snapshot::Option>> portable_options(std::span<const snapshot::Option> options);

}  // namespace orrery::vmm
