// Joins the control instructions' rows into one span.
#include "hypervisor/soft/interpret/control/rows.hpp"

#include <vector>

namespace orrery::hypervisor::soft {

std::span<const Row> control_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (const auto part : {control::branch_rows(), control::conditional_data_rows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace orrery::hypervisor::soft
