// A disk over another one that takes what is written for as long as it is open: copies of pages in
// a file without a name, which the host takes back when the disk is closed, however that ends.
//
// Nothing outlives the disk, so a flush has nothing to do.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"

namespace orrery::storage {

// BELOW is only read, perhaps by others, too. FOLDER is where the file takes room, as much as is
// written at most. No request may be in flight when the disk is destroyed.
Result<std::unique_ptr<port::Blocks>> create_scratch_disk(EventLoop& loop,
                                                          std::shared_ptr<port::Blocks> below,
                                                          const std::string& folder);

// Whether disks can be made with this FOLDER.
Result<> check_scratch_folder(const std::string& folder);

}  // namespace orrery::storage
