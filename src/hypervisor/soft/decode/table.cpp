#include "hypervisor/soft/decode/table.hpp"

#include <array>

namespace orrery::hypervisor::soft {
namespace {

using Index = std::array<const Row*, ZYDIS_MNEMONIC_MAX_VALUE + 1>;

Index build_index() {
  Index index{};
  for (const std::span<const Row> family :
       {integer_rows(), stack_rows(), control_rows(), string_rows(), system_rows(), x87_rows(),
        simd_rows()}) {
    for (const Row& row : family) index[row.mnemonic] = &row;
  }
  return index;
}

}  // namespace

const Row* find_row(ZydisMnemonic mnemonic) {
  static const Index index = build_index();
  return index[mnemonic];
}

}  // namespace orrery::hypervisor::soft
