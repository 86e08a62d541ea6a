#include "storage/nbd/input.hpp"

#include <algorithm>
#include <cstring>

namespace orrery::storage::nbd {

void Input::take_buffered(MutableByteSpan to) {
  std::memcpy(to.data(), buffer_.data() + begin_, to.size());
  begin_ += to.size();
}

bool Input::take_at_once(MutableByteSpan to) {
  if (buffered() < to.size()) return false;
  take_buffered(to);
  return true;
}

Task<bool> Input::take(MutableByteSpan to) {
  while (!to.empty()) {
    if (buffered() == 0) {
      // What fills the buffer would only be copied once more.
      const bool directly = to.size() >= buffer_.size();
      const MutableByteSpan target = directly ? to : MutableByteSpan(buffer_);
      const std::size_t count = co_await stream_.receive(target);
      if (count == 0) co_return false;
      if (directly) {
        to = to.subspan(count);
        continue;
      }
      begin_ = 0;
      end_ = count;
    }
    const std::size_t part = std::min(buffered(), to.size());
    take_buffered(to.first(part));
    to = to.subspan(part);
  }
  co_return true;
}

Task<bool> Input::skip(std::uint64_t length) {
  while (length != 0) {
    if (buffered() == 0) {
      begin_ = 0;
      end_ = co_await stream_.receive(buffer_);
      if (end_ == 0) co_return false;
    }
    const std::uint64_t part = std::min<std::uint64_t>(buffered(), length);
    begin_ += part;
    length -= part;
  }
  co_return true;
}

}  // namespace orrery::storage::nbd
