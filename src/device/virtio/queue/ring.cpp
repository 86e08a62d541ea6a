#include "device/virtio/queue/ring.hpp"

#include <algorithm>

namespace orrery::device::virtio {

bool Ring::add_buffer(Chain& chain, std::uint64_t address, std::uint32_t length,
                      std::uint16_t flags) {
  if (address + length < address) {
    break_queue("a buffer wraps around the end of the address space");
    return false;
  }
  if (!chain.add({GuestPhysical(address), length}, (flags & kWrite) != 0)) {
    break_queue("a device-readable buffer follows a device-writable one (2.7.4.2)");
    return false;
  }
  return true;
}

bool Ring::check_indirect(std::uint32_t length) {
  if (!setup_.indirect) {
    break_queue("an indirect table without VIRTIO_F_INDIRECT_DESC (2.7.5.3.1)");
  } else if (length == 0 || length % sizeof(SplitDescriptor) != 0) {
    break_queue("an indirect table's length is not a multiple of 16 (2.7.5.3.2)");
  }
  return !broken();
}

unsigned Ring::indirect_limit() const {
  return std::max<unsigned>(kIndirectLimit, setup_.size);
}

}  // namespace orrery::device::virtio
