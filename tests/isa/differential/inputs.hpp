// Random registers and memory, rich in the values where instructions change their behaviour.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "isa/differential/random.hpp"
#include "isa/executor.hpp"
#include "isa/snapshot.hpp"

namespace orrery::isa::differential {

Snapshot random_registers(Mode mode, std::uint64_t entry, Random& random);

// Contents for the data pages: windows of one pool, so that a sequence costs one copy.
class DataPool {
 public:
  explicit DataPool(Random& random);
  std::span<const std::byte> window(Random& random) const;

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace orrery::isa::differential
