// The disks of a VM as they were at a snapshot.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "snapshot/library.hpp"

namespace orrery::snapshot {

// Puts new, empty disks over those of the snapshot in the places of the VM's, which are gone then:
// each at once, durably, and none where one is in use or cannot be made. Returns their paths.
Result<std::vector<std::string>> revert_disks(EventLoop& loop, const Library& library,
                                              const std::string& name);

}  // namespace orrery::snapshot
