// Whether a VHDX's tables agree with each other. Private to storage/.
#pragma once

#include "storage/tools/disk_tools.hpp"
#include "storage/vhdx/image.hpp"

namespace orrery::storage::vhdx {

// Of an image that was opened, with what its log holds carried out.
CheckReport check(const Image& image);

}  // namespace orrery::storage::vhdx
