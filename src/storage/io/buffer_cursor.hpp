// Walks over the buffers of a block request. Private to storage/.
#pragma once

#include <algorithm>
#include <cstring>

#include "storage/io/image_file.hpp"

namespace orrery::storage {

class BufferCursor {
 public:
  explicit BufferCursor(const std::vector<MutableByteSpan>& buffers) : buffers_(buffers) {}

  // The next LENGTH bytes, which have to be there.
  Vectors take(std::uint64_t length) {
    Vectors vectors;
    each(length, [&](MutableByteSpan part) { vectors.push_back({part.data(), part.size()}); });
    return vectors;
  }
  std::vector<MutableByteSpan> take_spans(std::uint64_t length) {
    std::vector<MutableByteSpan> spans;
    each(length, [&](MutableByteSpan part) { spans.push_back(part); });
    return spans;
  }
  void fill_zeroes(std::uint64_t length) {
    each(length, [](MutableByteSpan part) { std::memset(part.data(), 0, part.size()); });
  }
  void copy_in(ByteSpan source) {
    each(source.size(), [&](MutableByteSpan part) {
      std::memcpy(part.data(), source.data(), part.size());
      source = source.subspan(part.size());
    });
  }

 private:
  template <typename Visit>
  void each(std::uint64_t length, Visit visit) {
    while (length != 0) {
      const MutableByteSpan rest = buffers_[index_].subspan(used_);
      const std::size_t part = std::min<std::uint64_t>(length, rest.size());
      if (part != 0) visit(rest.first(part));
      length -= part;
      used_ += part;
      if (used_ == buffers_[index_].size()) {
        ++index_;
        used_ = 0;
      }
    }
  }

  const std::vector<MutableByteSpan>& buffers_;
  std::size_t index_ = 0;
  std::size_t used_ = 0;
};

}  // namespace orrery::storage
