// One compressed cluster ("Compressed clusters" in the specification). Private to storage/.
#pragma once

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "storage/qcow2/header.hpp"

namespace orrery::storage::qcow2 {

// Fills TO; what stands behind the end of the compressed data is ignored.
Result<> decompress(Compression compression, ByteSpan from, MutableByteSpan to);

}  // namespace orrery::storage::qcow2
