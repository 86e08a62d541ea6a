// Reading what shows through an image from the disk below it. Private to storage/.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "port/blocks.hpp"
#include "storage/io/buffer_cursor.hpp"

namespace orrery::storage {

// BELOW: null where there is none. Behind its end there are zeroes.
Task<Result<>> read_below(port::Blocks* below, std::uint64_t offset, std::uint64_t length,
                          BufferCursor& to);

}  // namespace orrery::storage
