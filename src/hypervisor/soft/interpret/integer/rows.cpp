// Joins the integer instructions' rows into one span.
#include "hypervisor/soft/interpret/integer/rows.hpp"

#include <vector>

namespace orrery::hypervisor::soft {

std::span<const Row> integer_rows() {
  static const std::vector<Row> rows = [] {
    using namespace integer;
    std::vector<Row> all;
    for (const auto part : {add_subtract_rows(), logic_rows(), move_rows(), exchange_rows(),
                            shift_rows(), multiply_divide_rows(), bit_rows(), bit_field_rows(),
                            decimal_rows(), miscellaneous_rows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace orrery::hypervisor::soft
