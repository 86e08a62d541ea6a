#include "vmm/host/system_entropy.hpp"

#include <cerrno>

#include <sys/random.h>

#include "base/assert.hpp"

namespace orrery::vmm {

void SystemEntropy::fill(MutableByteSpan destination) {
  while (!destination.empty()) {
    const ssize_t count = ::getrandom(destination.data(), destination.size(), 0);
    // The only error that a valid call can meet; Linux has had getrandom since 3.17.
    ORRERY_ASSERT(count > 0 || errno == EINTR);
    if (count > 0) destination = destination.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace orrery::vmm
