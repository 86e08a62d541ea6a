// ADD, ADC, SUB, SBB, CMP (SDM vol. 2).
#include "hypervisor/soft/interpret/integer/arithmetic.hpp"
#include "hypervisor/soft/interpret/integer/binary.hpp"
#include "hypervisor/soft/interpret/integer/rows.hpp"

namespace orrery::hypervisor::soft::integer {

std::span<const Row> add_subtract_rows() {
  static constexpr Row kRows[] = {
      {ZYDIS_MNEMONIC_ADD, select_binary<Add>},
      {ZYDIS_MNEMONIC_ADC, select_binary<AddWithCarry>},
      {ZYDIS_MNEMONIC_SUB, select_binary<Subtract>},
      {ZYDIS_MNEMONIC_SBB, select_binary<SubtractWithBorrow>},
      {ZYDIS_MNEMONIC_CMP, select_binary<Compare>},
  };
  return kRows;
}

}  // namespace orrery::hypervisor::soft::integer
