// Bytes that must not outlive their use: keys and what leads to them. Private to storage/.
#pragma once

#include <cstddef>
#include <utility>

#include "base/bytes.hpp"

namespace orrery::storage::luks {

// Pages of their own, which are neither swapped nor dumped where the host allows it, and are wiped
// before they are given back. Moved, never copied.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size);  // zeroes
  SecretBytes(SecretBytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  std::size_t size() const { return size_; }
  ByteSpan bytes() const { return {data_, size_}; }
  MutableByteSpan bytes() { return {data_, size_}; }
  // Fewer bytes from now on; the rest is wiped.
  void shorten(std::size_t size);

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// In a way that no compiler leaves out.
void wipe(MutableByteSpan bytes);
// In the same time, whether they are equal or not; sizes are no secret.
bool equal_in_constant_time(ByteSpan one, ByteSpan other);
// From the host's source of randomness.
void draw_random(MutableByteSpan bytes);

}  // namespace orrery::storage::luks
