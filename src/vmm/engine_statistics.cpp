#include "vmm/engine_statistics.hpp"

#include <sys/resource.h>

#include "base/error.hpp"
#include "base/format.hpp"

namespace orrery::vmm {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

void print_engine_statistics(const machine::Machine& machine, unsigned vcpus) {
  std::uint64_t instructions = 0;
  bool counts_all = true;
  for (unsigned i = 0; i < vcpus; ++i) {
    const auto counters = machine.statistics(VcpuId(i));
    instructions += counters.instructions;
    fmt::print(
        stderr,
        "orrery: vCPU {}: {} instructions{}, {} interrupts, {} exceptions, {} port accesses, "
        "{} device memory accesses\n",
        i, counters.instructions, counters.counts_instructions ? "" : " interpreted",
        counters.interrupts, counters.exceptions, counters.port_accesses,
        counters.device_memory_accesses);
    if (counters.tlb_misses != 0) {
      fmt::print(stderr,
                 "orrery: vCPU {}: {} TLB misses, {} neighbours brought in, {} of {} loads of CR3 "
                 "found their address space\n",
                 i, counters.tlb_misses, counters.tlb_neighbours, counters.address_spaces_kept,
                 counters.address_space_loads);
    }
    counts_all = counts_all && counters.counts_instructions;
    for (const auto& [name, count] : counters.details) {
      fmt::print(stderr, "orrery: vCPU {}:   {} {}\n", i, count, name);
    }
  }
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) {
    fmt::print(stderr, "orrery: {}\n", Error::from_errno("no CPU time: getrusage").message());
    return;
  }
  const double time = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  // Translated code counts its instructions in counted mode only.
  const std::string rate =
      counts_all ? format(", {:.1f} MIPS", static_cast<double>(instructions) / time * 1e-6) : "";
  fmt::print(stderr,
             "orrery: {:.2f} s of CPU time ({:.2f} s in the host's kernel){}, {} MiB at most\n",
             time, seconds(usage.ru_stime), rate, usage.ru_maxrss / 1024);
}

}  // namespace orrery::vmm
