// What the disks over images of stores have in common.
#pragma once

#include <memory>
#include <utility>

#include "base/loop/event_loop.hpp"
#include "port/blocks.hpp"
#include "store/image.hpp"

namespace orrery::storage {

// Fills the buffers of a read from IMAGE. On a worker's thread: it may read files and decompress.
inline Result<> read_image(const store::Image& image, const port::BlockRequest& request) {
  std::uint64_t offset = request.offset;
  for (const MutableByteSpan buffer : request.buffers) {
    ORRERY_CHECK(image.read(offset, buffer));
    offset += buffer.size();
  }
  return {};
}

// Calls COMPLETION with RESULT on the loop's thread, unless ALIVE is gone by then. From any thread.
template <typename Answer, typename T>
void answer_on_loop(EventLoop& loop, const std::shared_ptr<bool>& alive, Answer completion,
                    Result<T> result) {
  loop.post([completion = std::move(completion), result = std::move(result),
             alive = std::weak_ptr(alive)] {
    if (alive.lock()) completion(result);
  });
}

}  // namespace orrery::storage
