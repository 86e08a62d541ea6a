// What a client sends, in the portions that its receiver asks for. Private to storage/nbd/.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/loop/task.hpp"
#include "base/sockets/stream.hpp"
#include "base/types.hpp"

namespace orrery::storage::nbd {

class Input {
 public:
  explicit Input(Stream& stream) : stream_(stream) {}

  // All of TO, if it is here already.
  bool take_at_once(MutableByteSpan to);
  // All of TO; false: the client has gone before.
  Task<bool> take(MutableByteSpan to);
  Task<bool> skip(std::uint64_t length);

 private:
  std::size_t buffered() const { return end_ - begin_; }
  void take_buffered(MutableByteSpan to);

  Stream& stream_;
  // Many headers in one call of the host; of large payloads only the beginning comes here.
  std::array<std::byte, 32_KiB> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace orrery::storage::nbd
