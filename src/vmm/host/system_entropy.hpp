// The host kernel's random numbers as a port (getrandom(2)).
#pragma once

#include "port/entropy.hpp"

namespace orrery::vmm {

class SystemEntropy final : public port::Entropy {
 public:
  void fill(MutableByteSpan destination) override;
};

}  // namespace orrery::vmm
