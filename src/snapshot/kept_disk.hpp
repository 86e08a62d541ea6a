// The disks that a library keeps for its snapshots.
#pragma once

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "snapshot/library.hpp"
#include "storage/disk_image.hpp"

namespace orrery::snapshot {

// How a disk that is kept is opened for reading, after a look at its identifier. An error: it is
// not what it was when the snapshot was made. Runs the loop, which nobody else may run.
Result<storage::DiskOptions> find_kept_disk(EventLoop& loop, const Library& library,
                                            const Disk& disk);

}  // namespace orrery::snapshot
