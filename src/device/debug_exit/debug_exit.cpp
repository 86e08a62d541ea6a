#include "device/debug_exit/debug_exit.hpp"

namespace orrery::device::debug_exit {

std::uint64_t DebugExit::read(unsigned /*region*/, std::uint64_t /*offset*/, Width /*width*/) {
  return 0;
}

void DebugExit::write(unsigned /*region*/, std::uint64_t offset, Width /*width*/,
                      std::uint64_t value) {
  if (offset == 0) exit_(static_cast<std::uint32_t>(value));
}

}  // namespace orrery::device::debug_exit
