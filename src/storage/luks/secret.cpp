#include "storage/luks/secret.hpp"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>
#include <sys/random.h>

#include "base/assert.hpp"
#include "base/bits.hpp"
#include "base/types.hpp"

namespace orrery::storage::luks {
namespace {

std::size_t mapped_size(std::size_t size) {
  return align_up(size, kPageSize);
}

}  // namespace

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
  if (size == 0) return;
  void* const pages = ::mmap(nullptr, mapped_size(size), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ORRERY_ASSERT(pages != MAP_FAILED);
  // Both are for the better only: a host may allow little locked memory.
  (void)::mlock(pages, mapped_size(size));
  (void)::madvise(pages, mapped_size(size), MADV_DONTDUMP);
  data_ = static_cast<std::byte*>(pages);
}

SecretBytes::~SecretBytes() {
  if (data_ == nullptr) return;
  wipe(bytes());
  ::munmap(data_, mapped_size(size_));
}

void SecretBytes::shorten(std::size_t size) {
  ORRERY_ASSERT(size <= size_);
  wipe(bytes().subspan(size));
  const std::size_t kept = mapped_size(size);
  const std::size_t mapped = mapped_size(size_);
  if (kept < mapped) ::munmap(data_ + kept, mapped - kept);
  if (kept == 0) data_ = nullptr;
  size_ = size;
}

void wipe(MutableByteSpan bytes) {
  if (!bytes.empty()) ::explicit_bzero(bytes.data(), bytes.size());
}

bool equal_in_constant_time(ByteSpan one, ByteSpan other) {
  if (one.size() != other.size()) return false;
  volatile unsigned difference = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    difference = difference | static_cast<unsigned>(one[i] ^ other[i]);
  }
  return difference == 0;
}

void draw_random(MutableByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::getrandom(bytes.data(), bytes.size(), 0);
    // The only error that a valid call can meet; Linux has had getrandom since 3.17.
    ORRERY_ASSERT(count > 0 || errno == EINTR);
    if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace orrery::storage::luks
