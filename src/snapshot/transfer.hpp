// A snapshot in another library, by itself: for taking it to another host, and for bringing it in.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "snapshot/library.hpp"
#include "storage/disk_image.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::snapshot {

struct TransferOptions {
  std::string name;             // that it has there
  std::vector<Option> options;  // that it keeps there, instead of its own
  // How the disks that the VM only read are opened, in their order among these.
  std::vector<storage::DiskOptions> read_only;
};

// Verifies all of it, and makes a copy in TO that needs nothing else: each disk, also those that
// the VM only read, is one qcow2 with all that lay below it, sealed (storage::seal_disk()). It is
// there whole or not at all. A disk that was changed since, or damaged where that can be told, is
// an error that names it. Runs the loop, which nobody else may run.
Result<Manifest> transfer(EventLoop& loop, const Library& from, const Manifest& manifest,
                          const Library& to, const TransferOptions& options,
                          const storage::Progress& progress);

}  // namespace orrery::snapshot
