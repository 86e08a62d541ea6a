// What a VM has used, as its control socket tells it (docs/formats/control.md) and agents pass it
// on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/registry/fields.hpp"

namespace orrery::cluster::link {

struct DeviceFigures {
  std::string name = {};  // "disk0"
  std::uint64_t in = 0;   // reads, or frames that were received
  std::uint64_t in_bytes = 0;
  std::uint64_t out = 0;
  std::uint64_t out_bytes = 0;
};

// Counted since its process began.
struct VmFigures {
  std::uint64_t taken_ns = 0;  // when, by a clock of its host
  std::uint64_t processor_ns = 0;
  std::uint64_t resident = 0;  // bytes
  std::vector<DeviceFigures> devices = {};
};

Json to_json(const VmFigures& figures);
// What is missing is zero.
VmFigures figures_of(const Json& json);

}  // namespace orrery::cluster::link
