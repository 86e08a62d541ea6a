// What `--engine-stats` prints at the end of a run.
#pragma once

#include "machine/machine.hpp"

namespace orrery::vmm {

// One line per vCPU on standard error: counters, the CPU time of the process, and from both the
// million instructions a second.
void print_engine_statistics(const machine::Machine& machine, unsigned vcpus);

}  // namespace orrery::vmm
