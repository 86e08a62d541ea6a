// The parts of integer_rows(), one per file of this folder.
#pragma once

#include <span>

#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft::integer {

std::span<const Row> add_subtract_rows();
std::span<const Row> logic_rows();
std::span<const Row> move_rows();
std::span<const Row> exchange_rows();
std::span<const Row> shift_rows();
std::span<const Row> multiply_divide_rows();
std::span<const Row> bit_rows();
std::span<const Row> bit_field_rows();
std::span<const Row> decimal_rows();
std::span<const Row> miscellaneous_rows();

}  // namespace orrery::hypervisor::soft::integer
