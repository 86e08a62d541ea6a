// Removing snapshots, and the disks that nobody needs any more. A disk goes only when it is certain
// that no other depends on it; what can not be looked at counts as depending.
//
// All this is done under the library's lock, which changes of disks take, too (library.hpp).
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "snapshot/library.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::snapshot {

// Whether a disk outside the library that once lay over one of it, and is not where it was, still
// counts.
enum class Missing : std::uint8_t { kDepends, kForgotten };

struct RemovalReport {
  struct KeptDisk {
    std::string file;
    std::string because;
  };
  std::vector<std::string> removed;  // disks of the library
  std::vector<KeptDisk> kept;        // that no snapshot needs
};

// Removes a snapshot, at once and durably, then the disks that neither another snapshot nor another
// disk needs. Disks that earlier removals had to keep are looked at again.
Result<RemovalReport> remove_snapshot(EventLoop& loop, const Library& library,
                                      const std::string& name, Missing missing);

// The same; then each disk that no snapshot needs and on which just one other depends is merged
// into that one, which reads as before at every instant. A disk that a VM has open stays.
Result<RemovalReport> merge_snapshot(EventLoop& loop, const Library& library,
                                     const std::string& name, Missing missing,
                                     const storage::Progress& progress);

}  // namespace orrery::snapshot
