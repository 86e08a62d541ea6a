// Random bytes for the guest.
#pragma once

#include "base/bytes.hpp"

namespace orrery::port {

class Entropy {
 public:
  virtual ~Entropy() = default;

  // Fills the whole span. Any thread.
  virtual void fill(MutableByteSpan destination) = 0;
};

}  // namespace orrery::port
