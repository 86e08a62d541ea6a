// Writes to device memory that a vCPU need not be stopped for: the hypervisor signals an eventfd
// (eventfd(2)) instead of calling the Environment, and the guest goes on at once.
#pragma once

#include "base/error.hpp"
#include "base/types.hpp"

namespace orrery::hypervisor {

// Any thread.
class Doorbells {
 public:
  virtual ~Doorbells() = default;

  // From now on a write of any width and value to ADDRESS adds 1 to the eventfd DESCRIPTOR.
  virtual Result<> connect(GuestPhysical address, int descriptor) = 0;
  // Takes that back; the descriptor stays the caller's.
  virtual Result<> disconnect(GuestPhysical address, int descriptor) = 0;
};

}  // namespace orrery::hypervisor
