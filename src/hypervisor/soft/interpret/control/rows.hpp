// The parts of control_rows(), one per file of this folder.
#pragma once

#include <span>

#include "hypervisor/soft/decode/table.hpp"

namespace orrery::hypervisor::soft::control {

std::span<const Row> branch_rows();
std::span<const Row> conditional_data_rows();

}  // namespace orrery::hypervisor::soft::control
