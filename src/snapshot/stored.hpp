// Snapshots in an image store, from where any host goes on from them: NAME is an image with
// manifest and state (bundle.hpp), NAME:memory its memory, NAME:disk0 and so on its disks. What
// they have in common with others is stored once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "snapshot/bundle.hpp"
#include "snapshot/library.hpp"
#include "storage/disk_image.hpp"
#include "storage/tools/disk_tools.hpp"
#include "store/store.hpp"

namespace orrery::snapshot {

struct PushOptions {
  std::string name;             // that it has there
  std::vector<Option> options;  // that it keeps there, instead of its own
  // How the disks that the VM only read are opened, in their order among these.
  std::vector<storage::DiskOptions> read_only;
  std::vector<std::string> tags;
};

// Adds a snapshot of a library to a store; it is there once the image NAME is, which comes last.
// Runs the loop, which nobody else may run.
Result<> push(EventLoop& loop, const Library& from, const Manifest& manifest, store::Store& store,
              const PushOptions& options, const storage::Progress& progress);

// PATH: `store:DIR/NAME` or `store://HOST/NAME`. The files of the disks are whole paths then.
Result<Bundle> read_stored(EventLoop& loop, const std::string& path);

// How a disk of it is opened for reading. An error: it is not what it was when it was pushed. Runs
// the loop, which nobody else may run.
Result<storage::DiskOptions> find_stored_disk(EventLoop& loop, const Disk& disk);

// The path of its memory.
std::string memory_of_stored(const std::string& path);

}  // namespace orrery::snapshot
