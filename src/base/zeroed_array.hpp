// A large array of zeros whose memory the host commits page by page as it is touched: tables
// indexed by guest page.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <sys/mman.h>

#include "base/assert.hpp"

namespace orrery {

// T must be valid when all its bytes are zero, and need no destructor.
template <typename T>
  requires std::is_trivially_destructible_v<T>
class ZeroedArray {
 public:
  ZeroedArray() = default;
  explicit ZeroedArray(std::size_t count) : count_(count) {
    if (count == 0) return;
    void* memory = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ORRERY_ASSERT(memory != MAP_FAILED);  // NORESERVE: only address space is asked for
    data_ = static_cast<T*>(memory);
  }
  ZeroedArray(ZeroedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  ZeroedArray& operator=(ZeroedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ZeroedArray(const ZeroedArray&) = delete;
  ZeroedArray& operator=(const ZeroedArray&) = delete;
  ~ZeroedArray() {
    if (data_ != nullptr) ::munmap(data_, count_ * sizeof(T));
  }

  T& operator[](std::size_t index) { return data_[index]; }
  const T& operator[](std::size_t index) const { return data_[index]; }
  std::size_t size() const { return count_; }
  T* data() { return data_; }

  // Gives the memory back to the host; every element is zero again.
  void clear() {
    if (data_ != nullptr) ::madvise(data_, count_ * sizeof(T), MADV_DONTNEED);
  }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace orrery
