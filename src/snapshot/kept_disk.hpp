// The disks that a library keeps for its snapshots, and those that stayed where they were.
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

// A disk that is not kept, as it would be opened by OPTIONS, is what it was when the snapshot was
// made. Runs the loop.
Result<> check_unchanged(EventLoop& loop, const storage::DiskOptions& options, const Disk& disk);
// Before its content leaves for another place: also, that of an encrypted disk which the VM writes
// would not be encrypted there, and so stays here.
Result<> check_may_leave(EventLoop& loop, const storage::DiskOptions& options, const Disk& disk);
// The error where what is FOUND is not what DISK says.
Result<> check_identity(const std::string& path, const std::string& found, const Disk& disk);

}  // namespace orrery::snapshot
