// Guest memory whose content is that of a file.
#pragma once

#include "base/error.hpp"
#include "memory/guest_memory.hpp"

namespace orrery::memory {

// Makes the content of all regions that of a file, in which they follow each other in ascending
// order: a page is read when it is first touched, and what is written here stays here. The file
// must not change as long as the memory lives; it need not stay open. Before anybody else uses the
// memory.
Result<> map_content(const GuestMemory& memory, int file);

}  // namespace orrery::memory
