// The memory of a snapshot that is in an image store.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "memory/page_supply.hpp"
#include "storage/disk_image.hpp"

namespace orrery::vmm {

// PATH: an image of at least BYTES. Opens it now, with a loop and threads of its own, which the
// sandbox has to allow as REPORT says.
Result<std::unique_ptr<memory::PageSource>> open_stored_memory(const std::string& path, Bytes bytes,
                                                               storage::OpenReport& report);

}  // namespace orrery::vmm
