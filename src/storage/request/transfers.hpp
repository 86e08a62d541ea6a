// Bytes of a disk as one request: `co_await read_all(disk, offset, bytes)`.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "base/types.hpp"
#include "port/blocks.hpp"

namespace orrery::storage {

// OFFSET and the size of the bytes: whole sectors; the bytes outlive the task.
Task<Result<>> read_all(port::Blocks& disk, std::uint64_t offset, MutableByteSpan to);
Task<Result<>> write_all(port::Blocks& disk, std::uint64_t offset, MutableByteSpan from);
Task<Result<>> flush(port::Blocks& disk);
Task<Result<>> resize_to(port::Blocks& disk, Bytes size);

}  // namespace orrery::storage
