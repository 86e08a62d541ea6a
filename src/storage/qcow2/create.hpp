// A new qcow2 image. Private to storage/.
#pragma once

#include <cstddef>
#include <vector>

#include "base/error.hpp"
#include "storage/qcow2/header.hpp"

namespace orrery::storage::qcow2 {

// The file of an empty image. Of HEADER size, cluster size, refcount width, version, features,
// backing file and extensions are the caller's; where the tables are is filled in.
Result<std::vector<std::byte>> make_empty(Header& header);

}  // namespace orrery::storage::qcow2
