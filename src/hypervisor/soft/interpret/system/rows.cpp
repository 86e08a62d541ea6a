#include <vector>

#include "hypervisor/soft/interpret/system/families.hpp"

namespace orrery::hypervisor::soft {

std::span<const Row> system_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> joined;
    for (const std::span<const Row> part :
         {segment_load_rows(), system_table_rows(), inspection_rows(), interrupt_rows(),
          interrupt_return_rows(), control_register_rows(), translation_rows(),
          identification_rows(), model_specific_rows(), fast_call_rows(), segment_base_rows(),
          flag_rows(), port_rows(), processor_rows()}) {
      joined.insert(joined.end(), part.begin(), part.end());
    }
    return joined;
  }();
  return rows;
}

}  // namespace orrery::hypervisor::soft
