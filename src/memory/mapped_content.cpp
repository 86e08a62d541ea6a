#include "memory/mapped_content.hpp"

#include <sys/mman.h>

namespace orrery::memory {

Result<> map_content(const GuestMemory& memory, int file) {
  off_t offset = 0;
  for (const Region& region : memory.regions()) {
    const std::uint64_t size = region.size.value();
    void* const mapped = ::mmap(region.host, size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, offset);
    if (mapped == MAP_FAILED) return fail_errno("cannot map a file as guest memory");
    offset += static_cast<off_t>(size);
  }
  return {};
}

}  // namespace orrery::memory
