// What shows through an image where it holds nothing itself. Private to storage/; on the loop's
// thread.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "port/blocks.hpp"
#include "storage/io/buffer_cursor.hpp"

namespace orrery::storage {

// Known to be zeroes, or not, for LENGTH bytes.
struct BelowExtent {
  std::uint64_t length = 0;
  bool zeroes = false;
};

class Below {
 public:
  virtual ~Below() = default;

  virtual std::uint64_t size() const = 0;  // bytes; behind it there are zeroes
  virtual Task<Result<>> read(std::uint64_t offset, std::uint64_t length, BufferCursor& to) = 0;
  // At least one byte, at most LENGTH, which is not zero.
  virtual Task<Result<BelowExtent>> map(std::uint64_t offset, std::uint64_t length) = 0;
  // For the end: resumes no task any more. Tasks that read may be dropped afterwards, and have to
  // be before this goes.
  virtual void stop() = 0;
};

// Any disk.
std::unique_ptr<Below> create_disk_below(std::unique_ptr<port::Blocks> disk);

}  // namespace orrery::storage
