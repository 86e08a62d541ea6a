// Opening what verifies the parents of a disk as they are read. Private to storage/.
#pragma once

#include <memory>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "storage/disk_image.hpp"

namespace orrery::storage {

// DISK: the one of OPTIONS, with all that lies below it. Fails where a disk below it has no list of
// segments, or another one than what is recorded of its content; an image of a store needs none,
// for the store verifies what it gives. The disk itself is verified, too, if it is only read and
// sealed. Runs the loop.
Result<std::unique_ptr<port::Blocks>> verify_reads(EventLoop& loop, const DiskOptions& options,
                                                   std::unique_ptr<port::Blocks> disk);

}  // namespace orrery::storage
