// x87_rows(): the unit's instructions put together from their groups.
#include <vector>

#include "hypervisor/soft/fpu/x87/form.hpp"

namespace orrery::hypervisor::soft {

std::span<const Row> x87_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (const auto group :
         {x87::arithmetic_rows, x87::compare_rows, x87::transfer_rows, x87::control_word_rows,
          x87::environment_rows, x87::transcendental_rows}) {
      const auto part = group();
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace orrery::hypervisor::soft
